/**
 * What tests of `new Heap()` ask of its blocks.
 */
import { walk } from "../../src/index.js";
import { refused } from "../peers/expect.js";

/** The blocks of a heap as walk() shows them, by state. */
export function walked(name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { heap, state } of walk()) if (heap === name) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Nothing lives there: refused, as never given out or, where the header of something free happens to lie, as freed. */
export function gone(attempt: () => unknown): void {
  refused(attempt, "ERR_INVALID_POINTER", "ERR_DOUBLE_FREE");
}
