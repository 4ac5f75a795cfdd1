/**
 * heapwright: malloc for Node.js on Linux.
 */
export { compare, copy, fill } from "./access/bytes.js";
export { cstring, readCString } from "./access/cstring.js";
export { read } from "./access/read.js";
export type {
  Definition,
  FieldType,
  Koffi,
  KoffiType,
  Located,
  RecordArray,
  RecordFrom,
  RecordOf,
  ScalarName,
  ScalarValues,
  Struct,
  ValueArray,
} from "./access/shape.js";
export { struct } from "./access/struct.js";
export { buffer, type TypedArrayClass, typed, view } from "./access/view.js";
export { write } from "./access/write.js";
export { alignedAlloc } from "./aligned.js";
export { configure, type Options } from "./configure.js";
export type { TraceStep } from "./core/hooks.js";
export { type FunctionPointer, NULL, type Pointer } from "./core/memory.js";
export { HeapError, type HeapErrorCode } from "./errors.js";
export { check } from "./inspect/check.js";
export type { TraceEvent } from "./inspect/log.js";
export { type Stats, stats } from "./inspect/stats.js";
export { trim } from "./inspect/trim.js";
export { type WalkedBlock, walk } from "./inspect/walk.js";
export { Arena, type ArenaOptions } from "./lifetime/arena.js";
export { type Owned, own } from "./lifetime/own.js";
export { Scope } from "./lifetime/scope.js";
export { calloc, free, malloc, usableSize } from "./malloc.js";
export { type NativeAllocator, type NativeAllocatorOptions, nativeAllocator } from "./native/allocator.js";
export { realloc } from "./realloc.js";
