/**
 * The library itself, as its users have it: blocks are reached with its own `write.u8`, or
 * by a view where very many bytes of one block are.
 */
import { alignedAlloc, calloc, free, malloc, type Pointer, realloc, view, write } from "../../src/index.js";
import type { Replayable } from "../replay.js";
import { type Allocator, PAGE } from "./allocator.js";

// By a name of this module's own: V8 folds it into loops. What is imported it loads and tests on each round.
const page = PAGE;

export const replayable: Replayable<Pointer> = {
  malloc,
  calloc,
  realloc,
  alignedAlloc,
  free,
  touch(pointer, bytes) {
    if (bytes === 0) return;
    write.u8(pointer, 1, 0);
    for (let at = page; at < bytes; at += page) write.u8(pointer, 1, at);
    write.u8(pointer, 1, bytes - 1);
  },
};

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
