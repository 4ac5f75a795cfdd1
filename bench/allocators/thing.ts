/**
 * @thi.ng/malloc: blocks are offsets in one ArrayBuffer whose size is chosen beforehand. Its realloc may free a block
 * before it copies it, and copies too much: a resize is therefore a new block and a copy.
 */
import { MemPool } from "@thi.ng/malloc";
import { type Allocator, PAGE } from "./allocator.js";

/** More than any workload needs; untouched pages cost nothing. */
const POOL_BYTES = 2 ** 29;
const pageSize = PAGE;

export function createThing(): Allocator {
  const bytesOf = new Uint8Array(POOL_BYTES);
  const pool = new MemPool({ buf: bytesOf.buffer, align: 16 });
  const malloc = (bytes: number): number => {
    const block = pool.malloc(bytes);
    if (block === 0) throw new Error(`@thi.ng/malloc: no room for ${bytes} bytes`);
    return block;
  };
  return {
    none: 0,
    malloc,
    free: (block: number) => {
      pool.free(block);
    },
    calloc: (bytes: number) => pool.calloc(bytes),
    realloc(block: number, oldBytes: number, bytes: number): number {
      const moved = malloc(bytes);
      bytesOf.copyWithin(moved, block, block + Math.min(oldBytes, bytes));
      pool.free(block);
      return moved;
    },
    touch: (block: number, at: number) => {
      bytesOf[block + at] = 1;
    },
    populate(block: number, from: number, to: number): void {
      for (let at = block + from; at < block + to; at += pageSize) bytesOf[at] = 1;
      bytesOf[block + to - 1] = 1;
    },
    table: (length: number) => new Float64Array(length),
  };
}
