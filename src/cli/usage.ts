/**
 * What is wrong with a command line, and options of one.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";

/** What the user can change: it is told in a line, without a stack. */
export class UsageError extends Error {}

export type Options = NonNullable<ParseArgsConfig["options"]>;

export interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** @throws UsageError for an option that does not exist, or has no value, or one too many */
export function parsed(args: readonly string[], options: Options): Parsed {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Parsed["values"], positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("ERR_PARSE_ARGS")) throw new UsageError(message.split(". ", 1)[0]);
    throw error;
  }
}

/** Does it, and has what it throws told as the user's. */
export function usage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function onlyFile(command: string, positionals: readonly string[]): string {
  const [file, ...more] = positionals;
  if (file === undefined) throw new UsageError(`${command}: no file`);
  if (more.length > 0) throw new UsageError(`${command}: one file at a time, got ${positionals.join(" ")}`);
  return file;
}

/** @throws UsageError */
export function positive(option: string, text: unknown): string {
  if (/^[1-9]\d{0,8}$/.test(String(text))) return String(text);
  throw new UsageError(`${option}: give a whole number from 1 to 999999999, got ${JSON.stringify(text)}`);
}
