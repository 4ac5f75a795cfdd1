/**
 * The library itself, as its users have it: blocks are reached with its own `write.u8`, or
 * by a view where very many bytes of one block are.
 */
import { calloc, free, malloc, type Pointer, realloc, view, write } from "../../src/index.js";
import { type Allocator, PAGE } from "./allocator.js";

const page = PAGE;

export const heapwright: Allocator = {
  none: 0,
  malloc,
  free,
  calloc: (bytes: number) => calloc(1, bytes),
  realloc: (block: Pointer, _oldBytes: number, bytes: number) => realloc(block, bytes),
  touch: (block: Pointer, at: number) => write.u8(block, 1, at),
  bytes: (block: Pointer, length: number) => view(block, length),
  populate(block: Pointer, from: number, to: number): void {
    for (let at = from; at < to; at += page) write.u8(block, 1, at);
    write.u8(block, 1, to - 1);
  },
  table: (length: number) => new Float64Array(length),
};
