/**
 * A fast path of malloc that counts, for tools that look at a sample of all allocations.
 *
 * Owns that path, and its counter, which is this thread's. A heap has the path by another prototype. A field of the heap, set and
 * set back, would leave its callers with two functions, of which V8 then inlines neither; after a change of the prototype and back
 * they are as fast as before. The path is short, for both are inlined (V8 rule 1 in src/README.md). When something is due it fails, and the slow
 * path tells who counts. Frees are not told: a sampled block is dead when its address is given out again, or no live block begins there.
 */
import {
  blockBytes,
  CACHED,
  LEAST_REQUEST,
  MIN_BLOCK,
  PREVIOUS_FREE,
  ROUNDING,
  UNIT_BYTES,
} from "../block/block.js";
import { OWNERS, WORD_CHUNK_SHIFT } from "../memory/control.js";
import type { Pointer } from "../memory/memory.js";
import { LEFT as CACHE_LEFT } from "./cache.js";
import { MAX_SMALL, ThreadHeap } from "./heap.js";

/** What a request counts for: bytes, at least MIN_BLOCK. */
export function countedFor(size: number): number {
  return size <= MAX_SMALL ? blockBytes(size) : size;
}
/** The most that the counter holds, for what is further away. */
const FAR = 2 ** 30;

/**
 * [0]: what may still be given out before something is due. Else, at placeOf() of their addresses, how many sampled blocks there are that
 * are not known to be dead: there are many more places than samples, so that few others share one. One array, with the shortest numbers,
 * for each byte of bytecode counts.
 */
export const known = new Int32Array(2 ** 15);
known[0] = FAR;
const PLACES = 0x7fff;

export function placeOf(pointer: number): number {
  return ((pointer >>> 4) & PLACES) | 1;
}

/** One who counts. */
export interface Counter {
  /** What may still be given out before this one is due. Never negative. */
  left: number;
}

const counters = new Set<Counter>();
/** What the counter was set to. */
let wound = FAR;
/** What was counted before that. */
let before = 0;

/** All that the fast path has counted. */
export function counted(): number {
  return before + wound - known[0]!;
}

/** Takes what the fast path has counted from all counters, and sets it to the one that is due first. To be called after each change of one. */
export function wind(): void {
  const spent = wound - known[0]!;
  before += spent;
  wound = FAR;
  for (const counter of counters) {
    counter.left -= spent;
    wound = Math.min(wound, counter.left);
  }
  known[0] = wound;
}

/** Counts a block that the slow path gives out. False when somebody may be due by it: then each who counts is to count it itself, after wind(). */
export function countDown(bytes: number): boolean {
  const left = known[0]! - bytes;
  if (left < 0) return false;
  known[0] = left;
  return true;
}

export function addCounter(counter: Counter): void {
  wind();
  counters.add(counter);
  wind();
}

export function removeCounter(counter: Counter): void {
  counters.delete(counter);
  wind();
}

/** Called from one place, which has seen several functions: so V8 inlines none of them. */
let hear: (pointer: number) => void = () => {};
const LESSONS = 1000;

function tell(pointer: number): void {
  hear(pointer);
}

function teach(): void {
  const hearer = hear;
  for (const lesson of [() => {}, (pointer: number) => void pointer]) {
    hear = lesson;
    for (let i = 0; i < LESSONS; i++) tell(i);
  }
  hear = hearer;
}

class CountingHeap extends ThreadHeap {
  /** As in heap.ts, step by step, and counted: both functions, one calling the other, would leave V8 no room to inline free. */
  override popSmall(request: number): Pointer {
    const size = request <= LEAST_REQUEST ? MIN_BLOCK : (request + ROUNDING) & -UNIT_BYTES; // blockBytes()
    const counts = known;
    const left = counts[0]! - size;
    const m = this.words;
    const list = this.lists + (size >>> 2);
    const b = m[list]!;
    if (
      left < 0 ||
      m[(b >>> WORD_CHUNK_SHIFT) + OWNERS] !== this.record ||
      (m[b]! & ~PREVIOUS_FREE) !== (size | CACHED)
    )
      return 0 as Pointer;
    counts[0] = left;
    m[list] = m[b + 1]!;
    m[list + CACHE_LEFT]!++;
    m[b + 1] = size ^ b ^ this.secret;
    m[b]! &= ~CACHED;
    return (this.payloadBase + ((b << 2) >>> 0)) as Pointer;
  }
}

const popCounted = CountingHeap.prototype.popSmall;

/** Also tells of addresses where a sampled block was: only a profile needs that. */
class SampledHeap extends ThreadHeap {
  override popSmall(request: number): Pointer {
    const pointer = popCounted.call(this, request);
    if (known[((pointer >>> 4) & PLACES) | 1] !== 0) tell(pointer); // also of 0, which was never a block
    return pointer;
  }
}

/** Sets who hears when the fast path gives out an address where a sampled block may have been. */
export function whenReused(hearer: (pointer: number) => void): void {
  known.fill(0, 1);
  hear = hearer;
}

/** Has the fast paths of these heaps count, and tell of sampled blocks besides, or neither; returns their prototype. */
export function count(heaps: readonly ThreadHeap[], isOn: boolean, isSampled: boolean): object {
  if (isSampled) teach();
  const counting = isSampled ? SampledHeap.prototype : CountingHeap.prototype;
  const prototype = isOn ? counting : ThreadHeap.prototype;
  for (const heap of heaps) {
    if (Object.getPrototypeOf(heap) !== prototype) Object.setPrototypeOf(heap, prototype);
  }
  return prototype;
}
