/**
 * Finding a gap between mappings. Knows ranges of addresses, nothing else.
 */
import { roundUp } from "./memory.js";

export interface Gap {
  /** Where the bytes asked for may go. */
  readonly start: number;
  /** Where the next mapping begins. */
  readonly end: number;
}

/**
 * The largest gap between `first` and `limit` that holds `bytes` (one page below a multiple of `alignment`, unless
 * that is 0); null when none does. The largest, because those that come next are put behind it without looking.
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
