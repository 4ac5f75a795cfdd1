/**
 * alloc-test (S. Ignatchenko, D. Ivankov): slots are picked by the law of Pareto, a fifth of them in four cases of
 * five, and so again within the fifth; a slot that is empty gets a block, one that is not loses it. Small sizes are
 * likely, each doubling half as likely as the one before, up to 2 KiB. Blocks are touched at both ends.
 *
 * What comes next is drawn beforehand: drawing would cost more than allocating.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import { below, next, seedOf } from "../random.js";
import { inSpans } from "../spans.js";
import { type SingleWorkload, scaled } from "./workload.js";

const SLOTS = 65_536;
const STEPS = 200_000;
const LEVELS = 6;
const FIFTH = 13_107; // of 65,536
const LEAST = 8;
const DOUBLINGS = 7;

export const allocTest: SingleWorkload = {
  name: "alloc-test",
  what: "slots and sizes (8 B to 2 KiB) by the law of Pareto; touched",
  prepare({ malloc, free, touch, table, none }, scale) {
    const steps = 2 * scaled(STEPS / 2, scale);
    const drawn = draw(steps);
    const slots = table(SLOTS);
    const span = (from: number, to: number) => follow({ malloc, free, touch, none }, slots, drawn, from, to);
    return { operations: steps / 2, pass: () => inSpans(steps, span) };
  },
};

interface Drawn {
  readonly picks: Int32Array;
  readonly sizes: Int32Array;
}

function follow(
  { malloc, free, touch, none }: Pick<Allocator, "malloc" | "free" | "touch" | "none">,
  slots: Slots,
  { picks, sizes }: Drawn,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const slot = picks[i]!;
    const bytes = sizes[i]!;
    if (slots[slot] !== none) {
      free(slots[slot]);
      slots[slot] = none;
    } else {
      const block = malloc(bytes);
      touch(block, 0);
      touch(block, bytes - 1);
      slots[slot] = block;
    }
  }
}

function draw(steps: number): Drawn {
  const picks = new Int32Array(steps);
  const sizes = new Int32Array(steps);
  let state = seedOf(0);
  for (let i = 0; i < steps; i++) {
    let range = SLOTS;
    let first = 0;
    for (let level = 0; level < LEVELS; level++) {
      const fifth = (range * FIFTH) >>> 16;
      state = next(state);
      if (below(state, 5) < 4) {
        range = fifth;
      } else {
        first += fifth;
        range -= fifth;
        break;
      }
    }
    state = next(state);
    picks[i] = first + below(state, range);
    state = next(state);
    let bytes = LEAST;
    for (let bit = 0; bit < DOUBLINGS && ((state >>> bit) & 1) === 1; bit++) bytes *= 2;
    sizes[i] = bytes + below(state, bytes);
  }
  return { picks, sizes };
}
