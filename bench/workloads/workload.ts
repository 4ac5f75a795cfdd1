/**
 * The shape of a workload. Each has a twin of the same name in native/workloads/, which
 * asks for the same sizes in the same order.
 *
 * A workload that is named after a program behaves as that program is described; its code is our own. Each inner loop is
 * written out in its own file, as a function of its own that gets all it uses as arguments. In a process that has one
 * allocator and one workload V8 then knows which functions are called, and inlines them. Loops in a closure cost 4 ns a
 * round for its variables; and of two loops in one function, V8 compiled the first for its caller to come back into again
 * and again, and threw that away each time when the second began.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import type { Goal } from "../goal.js";

/** One pass, which can be repeated; blocks may stay from one pass to the next. */
export interface Prepared {
  /** What the time of a pass is divided by: the blocks that it allocates, or resizes, on all threads together. */
  readonly operations: number;
  pass(): void;
}

interface Settings {
  /** Set in the environment of every native contestant called glibc. */
  readonly glibc?: Readonly<Record<string, string>>;
  /** Set in the environment of heapwright. */
  readonly heapwright?: Readonly<Record<string, string>>;
}

interface Described extends Settings {
  readonly name: string;
  /** What is done, for the legend. */
  readonly what: string;
  readonly goal?: Goal;
}

export interface SingleWorkload extends Described {
  /** `scale`: 1, or less to have it done sooner. */
  prepare(allocator: Allocator, scale: number): Prepared;
}

/** Worker threads that wait for each other. What crosses threads lies in memory that all of them see. */
export interface Crew {
  readonly index: number;
  readonly members: number;
  /** Returns when all members are there. */
  barrier(): void;
  /** For Atomics; zero at first. */
  readonly words: Int32Array;
  /** Blocks on their way; zero at first. */
  readonly blocks: Float64Array;
}

export interface CrewWorkload extends Described {
  readonly members: number;
  /** For one member. The time of a pass is that of the slowest. */
  join(allocator: Allocator, crew: Crew, scale: number): Prepared;
}

/** Threads that do one thing and end. A pass is `threads` of them at a time, and each of them one operation. */
export interface ThreadsWorkload extends Described {
  readonly threads: number;
  /** Addresses that they hand over; zero at first. */
  readonly blocks: number;
  /** What a thread does; `chance` is from 0 to below 1. */
  visit(allocator: Allocator, blocks: BigInt64Array, chance: number): void;
}

export type Workload = SingleWorkload | CrewWorkload | ThreadsWorkload;

export const MEMBERS = 2;

/** Of workloads where the kernel, or another thread, has a part in the time. */
export const NEAR_GLIBC: Goal = { times: { glibc: 1.2 } };

/** Settings under which both map whatever is larger than 128 KiB; and under which both change that as they see fit. */
export const FIXED_THRESHOLD: Settings = {
  glibc: { MALLOC_MMAP_THRESHOLD_: String(128 * 1024) },
  heapwright: { HEAPWRIGHT_MMAP_THRESHOLD: String(128 * 1024) },
};
export const DYNAMIC_THRESHOLD: Settings = { heapwright: { HEAPWRIGHT_MMAP_THRESHOLD: "dynamic" } };

/** Words and blocks that a crew shares. */
export const CREW_WORDS = 4096;
export const CREW_BLOCKS = 65_536;

/** At least one. */
export function scaled(count: number, scale: number): number {
  return Math.max(1, Math.round(count * scale));
}

/** A part of the blocks that a crew shares, as a table. */
export function sharedSlots(crew: Crew, from: number, length: number): Slots {
  return crew.blocks.subarray(from, from + length);
}
