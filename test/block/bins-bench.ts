/**
 * Bins on an ordinary Int32Array, with blocks that need not be as large as they say.
 */
import { initializeBins, link } from "../../src/block/bins.js";
import { OWNERS } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";

/** The bins' first word. */
export const AT = 64;
/** No block lies below it. */
export const FIRST = 2048;
/** One past the last word. */
export const END = 65536;
/** The record of the heap that owns it all. */
export const OWNER = 7;

export interface Bench {
  readonly m: Int32Array;
  /** Makes a free block of `size` bytes and links it. */
  add(size: number): Block;
}

export function bench(): Bench {
  const m = new Int32Array(END);
  m[OWNERS] = OWNER;
  initializeBins(m, AT);
  let next = FIRST + 2;
  const add = (size: number) => {
    const b = next as Block;
    next += 8; // bins never look beyond header and links, so blocks may lie closer than they claim
    m[b] = size | 2;
    link(m, AT, b, size);
    return b;
  };
  return { m, add };
}
