/**
 * Gaps between mappings, and whether resource limits allow another mapping. Owns the choice of a gap. Must not know what is mapped.
 */
import { Control } from "../memory/control.js";
import { roundUp } from "../memory/memory.js";
import type { Os } from "../platform/os.js";

export interface Gap {
  /** The address for the bytes asked for. */
  readonly start: number;
  /** Where the next mapping, or the limit, is. */
  readonly end: number;
}

/**
 * The largest gap between the addresses `first` and `limit` that has room for `bytes`; null for none. With an alignment
 * that is not 0 the bytes start one page below a multiple of it. The largest, so that many more mappings fit behind.
 */
export function findGap(
  mappings: ReadonlyArray<readonly [number, number]>,
  first: number,
  limit: number,
  bytes: number,
  alignment: number,
  pageSize: number,
): Gap | null {
  let best: Gap | null = null;
  const consider = (from: number, to: number) => {
    const end = Math.min(to, limit);
    const start = alignment === 0 ? from : roundUp(from + pageSize, alignment) - pageSize;
    if (start + bytes > end) return;
    if (best === null || end - start > best.end - best.start) best = { start, end };
  };
  let from = first;
  for (const [start, end] of mappings) {
    if (start > from) consider(from, start);
    from = Math.max(from, end);
  }
  consider(from, limit);
  return best;
}

/**
 * Whether `bytes` more may be mapped. Under a limit on address space or data (ulimit -v, -d) some is left to V8, which
 * aborts the process when it gets no memory.
 */
export function mayMap(os: Os, m: Int32Array, bytes: number): boolean {
  const spared = m[Control.headroomPages]! * m[Control.pageSize]!;
  return spared === 0 || os.couldMap(bytes + spared);
}
