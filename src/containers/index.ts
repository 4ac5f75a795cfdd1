/**
 * heapwright/containers: containers in the heap's memory, on the public API alone.
 */
export type { ElementFrom, ElementOf, ElementType } from "./element.js";
export { HashMap } from "./hash-map.js";
export type { KeyFrom, KeyOf, KeyType } from "./key-types.js";
export { Queue } from "./queue.js";
export { StringTable } from "./string-table.js";
export type { ValueFrom, ValueOf, ValueType } from "./values.js";
export { Vector } from "./vector.js";
