/**
 * Figures that two calls with nothing in between agree in.
 */
import { type Stats, stats } from "../../src/index.js";

/** All of stats() that only the heap changes: not what V8 holds besides. */
export function figures(): Omit<Stats, "external"> {
  const { external: _, ...others } = stats();
  return others;
}
