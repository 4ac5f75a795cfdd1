/**
 * Where a pointer is taken, a bigint compiles as a number does, and what is read is a number; and under @ts-expect-error,
 * what must not compile.
 */
import {
  alignedRealloc,
  atomic,
  buffer,
  compare,
  copy,
  copyFrom,
  copyTo,
  type FunctionPointer,
  fill,
  free,
  Heap,
  NULL,
  offset,
  own,
  owns,
  type Pointer,
  type PointerLike,
  read,
  readCString,
  realloc,
  recalloc,
  Scope,
  struct,
  typed,
  usableSize,
  view,
  write,
} from "../../../src/index.js";

declare const big: bigint;
declare const either: PointerLike;
declare const code: FunctionPointer;
declare const plain: number;

const Node = struct({
  key: "u32",
  next: ["pointer", "self"],
  data: "pointer",
  call: "function",
  all: ["pointer", 4],
  nodes: [["pointer", "self"], 2],
});

// The heap.
free(big);
usableSize(big);
owns(big);
export const results: Pointer[] = [
  realloc(big, 1),
  recalloc(either, 1),
  alignedRealloc(big, 8, 1),
  offset(big, 8),
];
const heap = new Heap();
heap.free(big);
export const inHeap: Pointer = heap.realloc(big, 5);

// Access.
export const byte: number = read.u8(big);
export const wide: bigint = read.u64(either, 8);
export const address: Pointer = read.pointer(big);
write.u8(big, 1);
write.i64(big, 1n, 8);
write.pointer(big, big);
write.pointer(either, either, 8);
write.pointer(NULL, code);
export const sum: number = atomic.u32.add(big, 1);
export const exchanged: bigint = atomic.i64.compareExchange(big, 1n, 2n, 8);
atomic.wait(big, 1);
atomic.waitAsync(either, 1, 10);
atomic.notify(big);
view(big);
buffer(big, 8);
typed(Float64Array, big, 1);
copy(big, big, 1);
fill(big, 0, 1);
compare(big, either, 1);
copyFrom(big, big, 1);
copyTo(big, big, 1);
readCString(big);

// Records.
const node = Node.at(big);
node.pointer = big;
node.pointer = either;
export const pointer: Pointer = node.pointer;
Node.alloc({ next: big, data: big, call: big, all: [big, NULL], nodes: [big, null, node] });
node.set({ next: null, data: either, call: code });
node.set(node.toObject());
node.all.set(0, big);
Node.assign(big, { data: big });
Node.assign(big, node);
Node.clearPadding(big);
Node.array(2, big);
Node.copyFrom(big);
Node.free(big);
export const data: Pointer = node.data;

// Owners.
export const owned: Pointer = own(big).pointer;
const scope = new Scope();
export const adopted: Pointer = scope.adopt(big);
export const kept: Pointer = scope.keep(big);
export const moved: Pointer = scope.realloc(big, 1);
scope.free(big);

// A number is no pointer without its brand, and neither is a text.
// @ts-expect-error
read.u8(plain);
// @ts-expect-error
read.f64("1");
// @ts-expect-error
write.u8(plain, 1);
// @ts-expect-error
write.pointer(big, plain);
// @ts-expect-error: a value is no address
write.u8(big, 1n);
// @ts-expect-error
atomic.i32.add(plain, 1);
// @ts-expect-error
atomic.notify(null);
// @ts-expect-error
Node.at(plain);
// @ts-expect-error
Node.alloc({ data: plain });
// @ts-expect-error
Node.alloc({ key: big });
// @ts-expect-error
Node.free(plain);
// @ts-expect-error
node.all.set(0, plain);
// @ts-expect-error
own(plain);
// @ts-expect-error
scope.adopt("1");
// @ts-expect-error
copyFrom(plain, big, 1);
// @ts-expect-error: what is read is a number
export const noBigint: bigint = read.pointer(big);
