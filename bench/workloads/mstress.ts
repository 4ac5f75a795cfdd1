/**
 * mstress (D. Leijen): a program with many threads. Each allocates cleared blocks of all sizes, keeps some for a long
 * time and frees others soon, and now and then swaps one with a place that all threads share. Blocks are touched at
 * both ends. The original starts its threads anew for each round.
 */
import * as sequence from "../random.js";
import { type CrewWorkload, MEMBERS, NEAR_GLIBC, scaled } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

const SOON = 20_000;
const LATE = 10_000;
const SHARED = 1000;
const ITEM = 8;

export const mstress: CrewWorkload = {
  name: "mstress",
  goal: NEAR_GLIBC,
  what: "2 threads allocate cleared blocks of 16 B to 625 KiB, keep some, free some, and swap some; touched",
  members: MEMBERS,
  join({ calloc, free, touch, table, none }, crew, scale) {
    const soon = scaled(SOON, scale);
    const late = scaled(LATE, scale);
    const data = table(soon);
    const kept = table(late);
    const { words, blocks } = crew;
    let state = seedOf(crew.index);
    const allocate = () => {
      state = next(state);
      const bytes = ITEM * itemsOf(state);
      const block = calloc(bytes);
      touch(block, 0);
      touch(block, bytes - 1);
      return block;
    };
    /** Skipped while another thread is at that place. */
    const swap = (from: number, place: number) => {
      if (Atomics.compareExchange(words, place, 0, 1) !== 0) return;
      const block = blocks[place]!;
      blocks[place] = data[from] as number;
      data[from] = block;
      Atomics.store(words, place, 0);
    };
    const drop = (slots: typeof data, i: number) => {
      if (slots[i] !== none) free(slots[i]);
      slots[i] = none;
    };
    const dropAll = (slots: typeof data, count: number) => {
      for (let i = 0; i < count; i++) drop(slots, i);
    };
    const live = () => {
      let top = 0;
      let keep = 0;
      while (top < soon || keep < late) {
        state = next(state);
        if (keep === late || (below(state, 2) === 0 && top < soon)) data[top++] = allocate();
        else kept[keep++] = allocate();
        if (top === 0) continue;
        state = next(state);
        if (below(state, 100) < 66) drop(data, below(next(state), top));
        state = next(next(state));
        if (below(state, 100) < 25) swap(below(next(state), top), below(next(next(state)), SHARED));
        state = next(next(state));
      }
    };
    const pass = () => {
      live();
      dropAll(kept, late);
      dropAll(data, soon);
    };
    return { operations: crew.members * (soon + late), pass };
  },
};

/** 2 to 16 items; of one in a hundred a hundred times as many, and of few of those a thousand or ten thousand times. */
function itemsOf(state: number): number {
  const items = 1 << (state & 3);
  const chance = below(state, 10_000);
  if (chance >= 100) return 2 * items;
  if (chance === 0) return 10_000 * items;
  return (chance <= 10 ? 1000 : 100) * items;
}
