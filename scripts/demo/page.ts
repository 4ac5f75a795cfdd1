/**
 * The page: how the tour is set in the terminal.
 *
 * Owns width, wrapping, indentation, colours and how numbers are written. Writes to standard output only. Colours
 * appear when that is a terminal that has them and NO_COLOR is not set; nothing is ever told by colour alone.
 * Must not know the heap.
 */
import { styleText } from "node:util";

const { stdout } = process;
const INDENT = "  ";
const WIDEST = 100;
const NARROWEST = 60;

/** Whether lines can be drawn again. */
export const isTerminal = stdout.isTTY === true && process.env.TERM !== "dumb";
const colourful = isTerminal && !process.env.NO_COLOR && stdout.hasColors();

/** Columns used, indentation included; a wide terminal is not filled, because long lines are hard to read. */
export const width = Math.max(NARROWEST, Math.min((isTerminal && stdout.columns) || WIDEST, WIDEST));

type Style = Parameters<typeof styleText>[0];
type Paint = (text: string) => string;

function painter(style: Style): Paint {
  return (text) => (colourful ? styleText(style, text) : text);
}

export const paint = {
  heading: painter(["bold", "cyan"]),
  code: painter("bold"),
  faint: painter("gray"),
  live: painter("green"),
  cached: painter("yellow"),
  remote: painter("magenta"),
  good: painter("green"),
  refused: painter("red"),
  plain: ((text) => text) as Paint,
};

let afterEmptyLine = false;

export function line(text = ""): void {
  afterEmptyLine = text === "";
  stdout.write(afterEmptyLine ? "\n" : `${INDENT}${text}\n`);
}

export function heading(number: number, title: string): void {
  const text = `${number}  ${title} `;
  stdout.write(
    `${afterEmptyLine ? "" : "\n"}\n${paint.heading(`${text}${"─".repeat(Math.max(0, width - text.length))}`)}\n\n`,
  );
}

/** A paragraph, wrapped, with an empty line after it. */
export function say(text: string): void {
  for (const part of wrap(text, width - 2 * INDENT.length)) line(part);
  line();
}

/** A line of a program, and beside it what came of it. */
export function code(program: string, result = ""): void {
  const gap = result === "" ? "" : " ".repeat(Math.max(2, 44 - program.length));
  line(`${paint.faint("›")} ${paint.code(program)}${gap}${result}`);
}

/** An error under the line of a program that it came of: its code, and its message beside it. */
export function refusal(errorCode: string, message: string): void {
  const [what, ...story] = message.split("\n") as [string, ...string[]];
  const [first, ...others] = wrap(what, width - 28);
  line(`    ${paint.refused(errorCode.padEnd(19))}  ${first}`);
  for (const other of others) line(`${" ".repeat(25)}${other}`);
  for (const each of story) line(paint.faint(`${" ".repeat(21)}${each}`));
  line();
}

/** Words of `text` in lines of at most `columns`. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(/\s+/)) {
    if (current !== "" && current.length + 1 + word.length > columns) {
      lines.push(current);
      current = word;
    } else {
      current = current === "" ? word : `${current} ${word}`;
    }
  }
  return current === "" ? lines : [...lines, current];
}

/** 1234567 as 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** "1 split", "2 splits". */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}

/** Rows as aligned columns; one whose heading starts with a space stands to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [headings.map((text) => text.trim()), ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  for (const [index, row] of all.entries()) {
    const cells = row.map((cell, column) =>
      headings[column]!.startsWith(" ") ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
    const text = cells.join("   ").trimEnd();
    line(index === 0 ? paint.faint(text) : text);
  }
}
