/**
 * What JavaScript has of its own: a block is an object, and V8 collects it some time after the last reference to it
 * was dropped. A resize is a new object and a copy.
 */
import { type Allocator, PAGE } from "./allocator.js";

const pageSize = PAGE;

type Bytes = Uint8Array;

function overBytes(malloc: (bytes: number) => Bytes, calloc: (bytes: number) => Bytes): Allocator {
  return {
    none: null,
    malloc,
    calloc,
    realloc(block: Bytes, oldBytes: number, bytes: number): Bytes {
      const moved = malloc(bytes);
      moved.set(bytes < oldBytes ? block.subarray(0, bytes) : block);
      return moved;
    },
    free: () => {},
    touch: (block: Bytes, at: number) => {
      block[at] = 1;
    },
    populate(block: Bytes, from: number, to: number): void {
      for (let at = from; at < to; at += pageSize) block[at] = 1;
      block[to - 1] = 1;
    },
    table,
  };
}

function table(length: number): unknown[] {
  return new Array(length).fill(null);
}

export const allocUnsafe = overBytes(
  (bytes) => Buffer.allocUnsafe(bytes),
  (bytes) => Buffer.alloc(bytes),
);

export const allocUnsafeSlow = overBytes(
  (bytes) => Buffer.allocUnsafeSlow(bytes),
  (bytes) => Buffer.alloc(bytes),
);

export const uint8Array = overBytes(
  (bytes) => new Uint8Array(bytes),
  (bytes) => new Uint8Array(bytes),
);

/** Without a view of its own there is no cheap store; large ones get one. */
export const arrayBuffer: Allocator = {
  none: null,
  malloc: (bytes: number) => new ArrayBuffer(bytes),
  calloc: (bytes: number) => new ArrayBuffer(bytes),
  realloc(block: ArrayBuffer, oldBytes: number, bytes: number): ArrayBuffer {
    const moved = new ArrayBuffer(bytes);
    new Uint8Array(moved).set(new Uint8Array(block, 0, Math.min(oldBytes, bytes)));
    return moved;
  },
  free: () => {},
  touch: () => {},
  populate(block: ArrayBuffer, from: number, to: number): void {
    const view = new Uint8Array(block);
    for (let at = from; at < to; at += pageSize) view[at] = 1;
    view[to - 1] = 1;
  },
  table,
};
