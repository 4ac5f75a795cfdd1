/**
 * Program: one setting, and what it does. Tells what the first uses met, and a figure that shows the setting at work.
 *
 *   setting.ts [JSON of the options for configure, or of a list of them, one call each] [use|wave]
 *
 *   use: allocate before configure; wave: see how much goes back of 64 MB that are freed
 */

import type { Pointer } from "../../../src/index.js";
import { residentAt, tell } from "./proc.js";
import type { Library } from "./workload.js";

const [text, order] = process.argv.slice(2);
const lib: Library = await import("../../../src/index.js"); // which never throws

const met: Record<string, string> = {};
function attempt(name: string, run: () => unknown): void {
  try {
    run();
    met[name] = "none";
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    met[name] = `${code}: ${message}`;
  }
}

if (order === "use") attempt("use", () => lib.free(lib.malloc(100_000)));
const options: unknown =
  text === undefined ? [] : JSON.parse(text, (_, value) => (value === "Infinity" ? Infinity : value));
for (const [i, option] of (Array.isArray(options) ? options : [options]).entries()) {
  attempt(i === 0 ? "configure" : `configure ${i}`, () => lib.configure(option));
}

/** Whether a block of that size gets a mapping of its own. */
function isMapped(size: number): boolean {
  const before = lib.stats().mmaps;
  const pointer = lib.malloc(size);
  const mapped = lib.stats().mmaps > before;
  lib.free(pointer);
  return mapped;
}

/** The smallest size that is mapped, in whole KiB. The blocks are kept: freed, some might raise the threshold. */
function threshold(): number {
  const kept: Pointer[] = [];
  let [heap, mapped] = [0, 256];
  while (mapped - heap > 1) {
    const middle = Math.floor((heap + mapped) / 2);
    const before = lib.stats().mmaps;
    kept.push(lib.malloc(middle * 1024));
    if (lib.stats().mmaps > before) mapped = middle;
    else heap = middle;
  }
  kept.forEach(lib.free);
  return mapped;
}

const DYNAMIC_SIZE = 1_000_000;
const PAIRS = 10;

/** Bytes of resident memory that freeing 64 MB of small blocks gives back by itself. */
function givenBack(): number {
  const blocks = Array.from({ length: 64_000 }, () => lib.malloc(992));
  for (const pointer of blocks) lib.view(pointer, 992).fill(1);
  const [first, last] = [blocks[0]!, blocks.at(-1)!];
  const full = residentAt(first, last - first);
  for (const pointer of blocks) lib.free(pointer);
  return full - residentAt(first, last - first);
}

const figures: Record<string, unknown> = {};
attempt("malloc", () => lib.free(lib.malloc(100)));
attempt("free", () => lib.free(0x7000_0000_0000 as never));
attempt("check", () => lib.check());
attempt("stats", () => lib.stats());
if (met.malloc === "none") {
  attempt("figures", () => {
    figures.mappedFrom = threshold();
    figures.mapped = Array.from({ length: PAIRS }, () => isMapped(DYNAMIC_SIZE)).filter(Boolean).length;
    if (order === "wave") figures.givenBack = givenBack();
  });
}
tell({ met, figures });
