/**
 * sh6bench and sh8bench (MicroQuill, made to show SmartHeap): many blocks of many sizes, small ones most, kept in a
 * buffer. When the buffer is full a fifth of it stays, another fifth each time; what lies below that is freed in the
 * order of allocation, what lies above it in the reverse order, and the buffer is filled again. Nothing is touched.
 *
 * In sh8bench threads do that side by side, and each frees the upper part of another one's buffer.
 */
import type { Slots } from "../allocators/allocator.js";
import {
  type CrewWorkload,
  MEMBERS,
  NEAR_GLIBC,
  type SingleWorkload,
  scaled,
  sharedSlots,
} from "./workload.js";

const SLOTS = 20_000;
const KEPT = SLOTS / 5;
const ROUNDS = 4;
const LARGEST = 1000;

export const sh6bench: SingleWorkload = {
  name: "sh6bench",
  what: "a buffer of 20,000 blocks of 1 to 1,000 bytes, freed partly in order, partly in reverse; untouched",
  prepare({ malloc, free, table }, scale) {
    const sizes = drawSizes();
    const slots = table(SLOTS);
    const rounds = scaled(ROUNDS, scale);
    let at = 0;
    let from = 0;
    let to = 0;
    const turn = () => {
      from = to === SLOTS ? 0 : to;
      to = from + KEPT;
      for (let i = 0; i < from; i++) free(slots[i]);
      for (let i = SLOTS - 1; i >= to; i--) free(slots[i]);
    };
    const fill = () => {
      for (let i = 0; i < sizes.length; i++) {
        if (at === from) at = to;
        if (at === SLOTS) {
          turn();
          at = from === 0 ? to : 0;
        }
        slots[at++] = malloc(sizes[i]!);
      }
    };
    const pass = () => {
      for (let round = 0; round < rounds; round++) fill();
    };
    return { operations: rounds * sizes.length, pass };
  },
};

export const sh8bench: CrewWorkload = {
  name: "sh8bench",
  goal: NEAR_GLIBC,
  what: "the same in 2 threads, each of which frees the upper part of the other one's buffer",
  members: MEMBERS,
  join({ malloc, free }, crew, scale) {
    const sizes = drawSizes();
    const slots = sharedSlots(crew, crew.index * SLOTS, SLOTS);
    const others = sharedSlots(crew, ((crew.index + 1) % crew.members) * SLOTS, SLOTS);
    const rounds = scaled(ROUNDS, scale);
    let at = 0;
    let from = 0;
    let to = 0;
    const turn = () => {
      from = to === SLOTS ? 0 : to;
      to = from + KEPT;
      crew.barrier();
      freeParts(slots, others, from, to);
      crew.barrier();
    };
    const freeParts = (lower: Slots, upper: Slots, below: number, above: number) => {
      for (let i = 0; i < below; i++) free(lower[i]);
      for (let i = SLOTS - 1; i >= above; i--) free(upper[i]);
    };
    const fill = () => {
      for (let i = 0; i < sizes.length; i++) {
        if (at === from) at = to;
        if (at === SLOTS) {
          turn();
          at = from === 0 ? to : 0;
        }
        slots[at++] = malloc(sizes[i]!);
      }
    };
    const pass = () => {
      for (let round = 0; round < rounds; round++) fill();
    };
    return { operations: crew.members * rounds * sizes.length, pass };
  },
};

/** Each size is followed by its halves; the smaller a size, the more blocks of it in a row. */
function drawSizes(): Uint16Array {
  const sizes: number[] = [];
  for (let base = 1; base < LARGEST; base = Math.floor((base * 3) / 2) + 1) {
    for (let bytes = base; bytes > 0; bytes >>>= 1) {
      const count = bytes < 100 ? 250 : 50;
      for (let i = 0; i < count; i++) sizes.push(bytes);
    }
  }
  return Uint16Array.from(sizes);
}
