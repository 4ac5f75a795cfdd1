/**
 * Reports of live blocks, by the stacks that allocated them: as data, as text, and what grew between two.
 *
 * Must not know how blocks are noted or stacks captured.
 */
import { rangeError, show, typeError } from "../errors.js";
import type { Frame } from "./profile-data.js";
import { frameText } from "./stacks.js";

/** The live blocks that one stack of one thread allocated. */
export interface LeakGroup {
  /** The program's calls, innermost first. */
  readonly stack: readonly Frame[];
  /** What the innermost of them called: `malloc`, `Arena.malloc`, `new Vector`. */
  readonly via: string;
  /** Sum of the sizes that were requested. */
  readonly bytes: number;
  /** How many blocks. */
  readonly count: number;
  /** When the oldest was allocated, in milliseconds since 1970. */
  readonly oldest: number;
  /** The thread that allocated them. */
  readonly thread: {
    /** Node's number of it, `threadId`; 0 is the main thread. */
    readonly id: number;
    /** The file that it runs. */
    readonly script: string;
    /** false once it has ended: nobody may know of these blocks any more. */
    readonly isAlive: boolean;
  };
  /** Addresses of some of them, at most three. */
  readonly pointers: readonly number[];
}

/** Live blocks by stack, as plain data: it can be kept, sent and written as JSON. */
export interface LeakSnapshot {
  /** Of the format: 1. */
  readonly version: number;
  /** When it was made, in milliseconds since 1970. */
  readonly time: number;
  /** Sum over `groups`. */
  readonly bytes: number;
  /** Sum over `groups`, in blocks. */
  readonly count: number;
  /** What was marked as kept, which is in no group. */
  readonly keptBytes: number;
  /** The same in blocks. */
  readonly keptCount: number;
  /** Memory that the notes themselves take. */
  readonly notesBytes: number;
  /** The largest first. */
  readonly groups: readonly LeakGroup[];
}

const VERSION = 1;
/** Lines of a report, unless the caller wants another number. */
const LINES = 200;
const FRAMES = 8;

/**
 * A report of live blocks, or of those that came between two moments. As a string it is the text that is printed.
 *
 * @example
 * ```ts
 * import { free, malloc } from "heapwright";
 * import { leaks } from "heapwright/debug";
 *
 * leaks.start();
 * const forgotten = malloc(1000);
 * const report = leaks.report();
 * console.log(report.bytes, report.count, report.groups[0]?.via); // 1000 1 malloc
 * free(forgotten);
 * console.log(String(leaks.report())); // no live blocks
 * leaks.stop();
 * ```
 */
export class LeakReport implements LeakSnapshot {
  /** Of the format. */
  readonly version = VERSION;
  /** When it was made, in milliseconds since 1970. */
  readonly time: number;
  /** Sum over `groups`. */
  readonly bytes: number;
  /** Sum over `groups`, in blocks. */
  readonly count: number;
  /** What was marked as kept, which is in no group. */
  readonly keptBytes: number;
  /** The same in blocks. */
  readonly keptCount: number;
  /** Memory that the notes themselves take. */
  readonly notesBytes: number;
  /** The largest first. */
  readonly groups: readonly LeakGroup[];

  /** @internal */
  constructor(snapshot: Omit<LeakSnapshot, "version" | "bytes" | "count">) {
    this.time = snapshot.time;
    this.groups = [...snapshot.groups].sort((a, b) => b.bytes - a.bytes || b.count - a.count);
    this.bytes = sum(this.groups, ({ bytes }) => bytes);
    this.count = sum(this.groups, ({ count }) => count);
    this.keptBytes = snapshot.keptBytes;
    this.keptCount = snapshot.keptCount;
    this.notesBytes = snapshot.notesBytes;
  }

  /**
   * The report as text.
   *
   * @param lines most of them, 200 by default; what is left out is summed up in one more
   */
  toString(lines: number = LINES): string {
    const text = [this.#summary()];
    for (const [index, group] of this.groups.entries()) {
      const paragraph = textOf(group, this.time);
      if (text.length + paragraph.length > lines) {
        const rest = this.groups.slice(index);
        text.push(`${sizeText(sum(rest, ({ bytes }) => bytes))} more of ${rest.length} other stacks`);
        break;
      }
      text.push(...paragraph);
    }
    return text.join("\n");
  }

  #summary(): string {
    const kept =
      this.keptCount === 0 ? "" : ` (and ${this.keptCount} kept on purpose, ${sizeText(this.keptBytes)})`;
    if (this.count === 0) return `no live blocks${kept}`;
    return `${blocksText(this.count)}, ${sizeText(this.bytes)}, of ${stacksText(this.groups.length)}${kept}`;
  }
}

/** What there is more of in `after` than in `before`, by stack. */
export function grownBetween(before: LeakSnapshot, after: LeakSnapshot): LeakReport {
  const earlier = new Map(before.groups.map((group) => [keyOf(group), group]));
  const groups = after.groups.flatMap((group) => {
    const was = earlier.get(keyOf(group));
    const bytes = group.bytes - (was?.bytes ?? 0);
    const count = group.count - (was?.count ?? 0);
    return bytes > 0 || (bytes === 0 && count > 0) ? [{ ...group, bytes, count }] : [];
  });
  return new LeakReport({ ...after, groups });
}

/** Throws ERR_INVALID_ARG, naming the operation, for what is no snapshot of this version. */
export function checkSnapshot(operation: string, value: unknown): void {
  const given = value as LeakSnapshot | null;
  if (typeof given !== "object" || given === null || !Array.isArray(given.groups)) {
    throw typeError(
      "ERR_INVALID_ARG",
      `${operation}: give what leaks.snapshot() returned, got ${show(value)}`,
    );
  }
  if (given.version !== VERSION) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${operation}: this snapshot is of version ${show(given.version)}, and this heapwright reads version ${VERSION}`,
    );
  }
}

/** By what groups of two snapshots are the same. */
function keyOf({ stack, via, thread }: LeakGroup): string {
  return JSON.stringify([stack, via, thread.id]);
}

function textOf(group: LeakGroup, time: number): string[] {
  const { stack, via, bytes, count, oldest, thread } = group;
  const age = ((time - oldest) / 1000).toFixed(1);
  const who = thread.id === 0 ? "" : `, ${threadText(thread)}`;
  const frames = stack.slice(0, FRAMES).map((frame) => `    ${frameText(frame)}`);
  return [
    "",
    `${sizeText(bytes)} in ${blocksText(count)} by ${via || "unknown"}, oldest ${age} s${who}`,
    ...frames,
  ];
}

function threadText({ id, script, isAlive }: LeakGroup["thread"]): string {
  return `${isAlive ? "" : "ended "}worker ${id}${script === "" ? "" : ` (${script})`}`;
}

function blocksText(count: number): string {
  return count === 1 ? "1 block" : `${count} blocks`;
}

function stacksText(count: number): string {
  return count === 1 ? "1 stack" : `${count} stacks`;
}

function sizeText(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
