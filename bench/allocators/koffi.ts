/**
 * koffi's own alloc and free, as its manual shows them: a block is an object that stands for the address. Nothing
 * is touched (koffi.encode costs more than the allocation), which favours it. It has no realloc: a resize is a new
 * block and a copy by libc's memcpy.
 */
import koffi from "koffi";
import { type Allocator, PAGE } from "./allocator.js";

const memcpy = koffi.load(null).func("void *memcpy(void *, void *, size_t)");
const pageSize = PAGE;

export const koffiAlloc: Allocator = {
  none: null,
  malloc: (bytes: number) => koffi.alloc("uint8_t", bytes),
  free: (block: unknown) => koffi.free(block),
  /** koffi clears what it allocates. */
  calloc: (bytes: number) => koffi.alloc("uint8_t", bytes),
  realloc(block: unknown, oldBytes: number, bytes: number): unknown {
    const moved = koffi.alloc("uint8_t", bytes);
    memcpy(moved, block, Math.min(oldBytes, bytes));
    koffi.free(block);
    return moved;
  },
  touch: () => {},
  /** By koffi.encode, the only store there is, of one byte in each page. */
  populate(block: unknown, from: number, to: number): void {
    for (let at = from; at < to; at += pageSize) koffi.encode(block, at, "uint8_t", 1);
    koffi.encode(block, to - 1, "uint8_t", 1);
  },
  table: (length: number) => new Array(length).fill(null),
};
