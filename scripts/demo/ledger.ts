/**
 * A ledger: what the heap holds and what the kernel gave for it, row by row as things happen.
 *
 * in use     bytes in blocks (stats().allocated)
 * footprint  address space that the heap holds and has touched, less what it gave back (stats().footprint)
 * resident   memory of the whole process, as the kernel counts it: a page counts once it was touched
 */
import { stats } from "../../src/index.js";
import { line, mebibytes, paint } from "./page.js";

const PROGRAM = 42;
const FIGURE = 15;

export interface Row {
  readonly allocated: number;
  readonly footprint: number;
  readonly resident: number;
}

export function openLedger(): void {
  const figures = ["in use", "footprint", "resident"].map((text) => text.padStart(FIGURE)).join("");
  line(paint.faint(`${" ".repeat(PROGRAM)}${figures}`));
}

/** Does something and writes what is held afterwards. */
export function enter(program: string, action: () => void = () => {}): Row {
  action();
  const { allocated, footprint } = stats();
  const row = { allocated, footprint, resident: process.memoryUsage.rss() };
  const figures = Object.values(row).map((bytes) => mebibytes(bytes).padStart(FIGURE));
  line(`${paint.code(program.padEnd(PROGRAM))}${figures.join("")}`);
  return row;
}

export function closeLedger(): void {
  line();
}
