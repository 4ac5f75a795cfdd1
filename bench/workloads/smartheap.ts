/**
 * sh6bench and sh8bench (MicroQuill, made to show SmartHeap): many blocks of many sizes, small ones most, kept in a
 * buffer. When the buffer is full a fifth of it stays, another fifth each time; what lies below that is freed in the
 * order of allocation, what lies above it in the reverse order, and the buffer is filled again. Nothing is touched.
 *
 * In sh8bench threads do that side by side, and each frees the upper part of another one's buffer.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import { inSpans } from "../spans.js";
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
  what: "a buffer of 20,000 blocks of 1 to 709 bytes, freed partly in order, partly in reverse; untouched",
  prepare({ malloc, free, table }, scale) {
    const sizes = drawSizes();
    const slots = table(SLOTS);
    const rounds = scaled(ROUNDS, scale);
    const cursor = { at: 0, from: 0, to: 0 };
    const upwards = (from: number, to: number) => freeRow(free, slots, from, to);
    const downwards = (from: number, to: number) => freeRowDown(free, slots, from, to);
    const turn = () => {
      moveOn(cursor);
      inSpans(cursor.from, upwards);
      inSpans(SLOTS - cursor.to, downwards);
    };
    const fill = () => {
      for (let done = 0; done < sizes.length; ) done = fillUp(malloc, slots, cursor, sizes, done, turn);
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
    const cursor = { at: 0, from: 0, to: 0 };
    const upwards = (from: number, to: number) => freeRow(free, slots, from, to);
    const downwards = (from: number, to: number) => freeRowDown(free, others, from, to);
    const turn = () => {
      moveOn(cursor);
      crew.barrier();
      inSpans(cursor.from, upwards);
      inSpans(SLOTS - cursor.to, downwards);
      crew.barrier();
    };
    const fill = () => {
      for (let done = 0; done < sizes.length; ) done = fillUp(malloc, slots, cursor, sizes, done, turn);
    };
    const pass = () => {
      for (let round = 0; round < rounds; round++) fill();
    };
    return { operations: crew.members * rounds * sizes.length, pass };
  },
};

/** Where the next block goes, and the part of the buffer that stays. */
interface Cursor {
  at: number;
  from: number;
  to: number;
}

function moveOn(cursor: Cursor): void {
  cursor.from = cursor.to === SLOTS ? 0 : cursor.to;
  cursor.to = cursor.from + KEPT;
}

function freeRow(free: Allocator["free"], slots: Slots, from: number, to: number): void {
  for (let i = from; i < to; i++) free(slots[i]);
}

/** Counted from the upper end of the buffer. */
function freeRowDown(free: Allocator["free"], slots: Slots, from: number, to: number): void {
  for (let i = from; i < to; i++) free(slots[SLOTS - 1 - i]);
}

/** Fills the buffer as far as it goes without a gap, from size `done` on; returns how many sizes are done then. */
function fillUp(
  malloc: Allocator["malloc"],
  slots: Slots,
  cursor: Cursor,
  sizes: Uint16Array,
  done: number,
  turn: () => void,
): number {
  if (cursor.at === cursor.from) cursor.at = cursor.to;
  if (cursor.at === SLOTS) {
    turn();
    cursor.at = cursor.from === 0 ? cursor.to : 0;
  }
  const first = cursor.at;
  const end = first < cursor.from ? cursor.from : SLOTS;
  const count = Math.min(end - first, sizes.length - done);
  allocateRow(malloc, slots, first, sizes, done, count);
  cursor.at = first + count;
  return done + count;
}

function allocateRow(
  malloc: Allocator["malloc"],
  slots: Slots,
  first: number,
  sizes: Uint16Array,
  done: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) slots[first + i] = malloc(sizes[done + i]!);
}

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
