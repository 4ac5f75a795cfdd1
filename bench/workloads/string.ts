/** string: two texts to which 1 to 64 bytes are appended in turns, each time by realloc, up to 64 KiB. */
import type { Allocator, Slots } from "../allocators/allocator.js";
import { below, next, seedOf } from "../random.js";
import { NEAR_GLIBC, type SingleWorkload, scaled } from "./workload.js";

const TEXTS = 2;
const APPENDED = 64;
const APPENDS = 2000;
const LEAST = 16;

export const string: SingleWorkload = {
  name: "string",
  goal: NEAR_GLIBC,
  what: "two texts grown in turns by 1 to 64 bytes with realloc, up to 64 KiB; the new end touched",
  prepare({ malloc, realloc, free, touch, table, none }, scale) {
    const appends = scaled(APPENDS, scale);
    const slots = table(TEXTS);
    const lengths = new Int32Array(TEXTS);
    let state = seedOf(0);
    const pass = () => {
      for (let i = 0; i < TEXTS; i++) {
        slots[i] = malloc(LEAST);
        lengths[i] = LEAST;
      }
      state = append({ realloc, touch }, slots, lengths, appends, state);
      for (let i = 0; i < TEXTS; i++) {
        free(slots[i]);
        slots[i] = none;
      }
    };
    return { operations: appends * TEXTS, pass };
  },
};

/** Returns the state of the sequence after it. */
function append(
  { realloc, touch }: Pick<Allocator, "realloc" | "touch">,
  slots: Slots,
  lengths: Int32Array,
  appends: number,
  from: number,
): number {
  let state = from;
  for (let n = 0; n < appends; n++) {
    for (let i = 0; i < TEXTS; i++) {
      state = next(state);
      const old = lengths[i]!;
      const length = old + 1 + below(state, APPENDED);
      const grown = realloc(slots[i], old, length);
      touch(grown, length - 1);
      slots[i] = grown;
      lengths[i] = length;
    }
  }
  return state;
}
