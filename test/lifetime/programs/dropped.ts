/**
 * Drops owners and has V8 collect them: of whole blocks, of one that was released, and of one that was freed by hand.
 */
import { free, malloc, own, type Pointer, stats, usableSize } from "../../../src/index.js";

export interface Found {
  /** Owners that were dropped with their blocks. */
  dropped: number;
  /** How many of those blocks are free. */
  freed: number;
  heldStays: boolean;
  releasedStays: boolean;
  warnings: Array<{ name: string; code: string | undefined; message: string }>;
}

const DROPPED = 20;
const BYTES = 5000; // not cached, so that a second free is noticed whatever came between
const MOST_TURNS = 200;

const warnings: Found["warnings"] = [];
process.on("warning", (warning) => {
  const { name, message } = warning;
  if (message.startsWith("heapwright/debug was asked for")) return; // it is there only where the library is built
  warnings.push({ name, code: (warning as { code?: string }).code, message });
});

function dropSome(): void {
  for (let i = 0; i < DROPPED; i++) own(malloc(BYTES));
}

function dropReleased(): Pointer {
  return own(malloc(BYTES)).release();
}

function dropFreed(): void {
  free(own(malloc(BYTES)).pointer);
}

const base = stats().allocated;
const held = own(malloc(BYTES));
const released = dropReleased();
const others = stats().allocated;
const one = (others - base) / 2;
dropSome();
dropFreed();

for (let turn = 0; turn < MOST_TURNS && stats().allocated > others; turn++) {
  (globalThis as { gc?: () => void }).gc!();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
for (let turn = 0; turn < 5; turn++) {
  (globalThis as { gc?: () => void }).gc!();
  await new Promise((resolve) => setTimeout(resolve, 5));
}

const found: Found = {
  dropped: DROPPED,
  freed: DROPPED - Math.round((stats().allocated - others) / one),
  heldStays: usableSize(held.pointer) >= BYTES,
  releasedStays: usableSize(released) >= BYTES,
  warnings,
};
console.log(JSON.stringify(found));
