/**
 * heapwright: malloc for Node.js on Linux.
 */
export { type AtomicOperations, atomic } from "./access/atomic.js";
export { compare, copy, fill } from "./access/bytes.js";
export { cstring, readCString } from "./access/cstring.js";
export type { Koffi, KoffiType } from "./access/koffi-types.js";
export { offset } from "./access/offset.js";
export { copyFrom, copyTo } from "./access/outside.js";
export { read } from "./access/read.js";
export type {
  Definition,
  FieldType,
  Initial,
  Located,
  Plain,
  RecordArray,
  RecordFrom,
  RecordOf,
  ScalarName,
  ScalarValues,
  Struct,
  StructOptions,
  ValueArray,
} from "./access/shape.js";
export { struct, union } from "./access/struct.js";
export { buffer, type TypedArrayClass, typed, view } from "./access/view.js";
export { write } from "./access/write.js";
export { alignedAlloc } from "./api/aligned.js";
export { alignedRealloc } from "./api/aligned-realloc.js";
export { calloc } from "./api/calloc.js";
export { idle } from "./api/idle.js";
export { free, malloc, usableSize } from "./api/malloc.js";
export { realloc } from "./api/realloc.js";
export { recalloc } from "./api/recalloc.js";
export { onOutOfMemory } from "./api/relief.js";
export { goodSize, owns } from "./api/sizes.js";
export { thread } from "./api/thread.js";
export { configure, type Options } from "./configure.js";
export { HeapError, type HeapErrorCode } from "./errors.js";
export type { HeapStats } from "./heap/holdings.js";
export { check } from "./inspect/check.js";
export { type HeapFigures, heapStats } from "./inspect/heap-stats.js";
export {
  type Layout,
  type LayoutHeap,
  type LayoutRegion,
  type LayoutState,
  type LayoutVisitor,
  layout,
} from "./inspect/layout.js";
export type { TraceEvent } from "./inspect/log.js";
export { type Stats, stats } from "./inspect/stats.js";
export { trim } from "./inspect/trim.js";
export { type WalkedBlock, walk } from "./inspect/walk.js";
export { Arena, type ArenaOptions } from "./lifetime/arena.js";
export { Heap, type HeapOptions } from "./lifetime/heap.js";
export { type Owned, own } from "./lifetime/own.js";
export { Scope } from "./lifetime/scope.js";
export { type FunctionPointer, NULL, type Pointer, type PointerLike } from "./memory/memory.js";
export { type NativeAllocator, type NativeAllocatorOptions, nativeAllocator } from "./native/allocator.js";
export type { TraceStep } from "./shared/hooks.js";
export { internals } from "./tools.js";
