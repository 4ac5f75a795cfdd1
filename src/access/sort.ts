/**
 * Sorting and searching arrays of records. Two record objects are moved along the array; no others are made.
 *
 * Sorting first sorts a permutation, by the stable sort of typed arrays, then moves each record once, along the cycles of the
 * permutation. So if the comparison throws, nothing has been moved.
 */

import { free, heap, malloc } from "../api/malloc.js";
import { show, typeError } from "../errors.js";
import type { Pointer } from "../memory/memory.js";
import type { LocatedClass } from "./codec.js";
import { farOf } from "./place.js";
import type { Located } from "./shape.js";

interface Row extends Located {
  readonly length: number;
}
type Cursor = { pointer: Pointer };

export function sortRecords(
  { pointer, length }: Row,
  element: LocatedClass,
  size: number,
  compare: (a: Located, b: Located) => number,
): void {
  checkCompare("sort", compare);
  if (length < 2) return;
  farOf("sort", pointer, 0, length * size);
  const a = element.from(pointer);
  const b = element.from(pointer);
  const order = Uint32Array.from({ length }, (_, i) => i);
  order.sort((i, j) => {
    (a as Cursor).pointer = (pointer + i * size) as Pointer;
    (b as Cursor).pointer = (pointer + j * size) as Pointer;
    return compare(a, b);
  });
  permute(pointer, size, order);
}

/** Moves record `order[i]` to index `i`, for all i. `order` is overwritten. */
function permute(pointer: Pointer, size: number, order: Uint32Array): void {
  const { window } = heap;
  const aside = malloc(size);
  for (let start = 0; start < order.length; start++) {
    if (order[start] === start) continue;
    window.copy(aside, pointer + start * size, size);
    let hole = start;
    for (let next = order[hole]!; next !== start; next = order[hole]!) {
      window.copy(pointer + hole * size, pointer + next * size, size);
      order[hole] = hole;
      hole = next;
    }
    window.copy(pointer + hole * size, aside, size);
    order[hole] = hole;
  }
  free(aside);
}

export function searchRecords(
  { pointer, length }: Row,
  element: LocatedClass,
  size: number,
  compare: (record: Located) => number,
): number {
  checkCompare("search", compare);
  const record = element.from(pointer);
  let low = 0;
  let found = false;
  for (let high = length; low < high; ) {
    const middle = Math.floor((low + high) / 2);
    (record as Cursor).pointer = (pointer + middle * size) as Pointer;
    const order = compare(record);
    if (order < 0) low = middle + 1;
    else {
      high = middle;
      if (order === 0) found = true;
    }
  }
  // Records that compared as 0 lie at or after `low`, so the first of them is at `low`.
  return found ? low : -low - 1;
}

function checkCompare(operation: string, compare: unknown): void {
  if (typeof compare === "function") return;
  throw typeError(
    "ERR_INVALID_ARG",
    `${operation}: give a function that compares records, got ${show(compare)}`,
  );
}
