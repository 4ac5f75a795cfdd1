/**
 * A fast path of malloc that counts: for a profile, which samples by bytes, and for blocks that get pages of their own, one of so
 * many.
 *
 * Owns that path and its counters, which are this thread's. A heap has it by another prototype. A field of the heap, set and
 * set back, would leave its callers with two functions that V8 then inlines neither of; after a change of the prototype and back they
 * are as fast as before. When something is due the path fails, and the slow path tells who counts. Frees are not told: a sampled block is
 * dead when its address is given out again, or no live block begins there.
 */
import type { Pointer } from "../memory/memory.js";
import { ThreadHeap } from "./heap.js";

/** What may still be given out before something is due: bytes, and blocks. An Int32Array of a const takes V8 a nanosecond. */
export const countdown = new Int32Array(2).fill(2 ** 30);
export const BYTES = 0;
export const BLOCKS = 1;
/** The most that a counter holds, for what is further away, or for who does not count. */
export const FAR = 2 ** 30;

/** Places for addresses of sampled blocks: many more than there are samples, so that few others share one. */
const PLACES = 65536;
/** By placeOf() of their addresses, how many sampled blocks there are that are not known to be dead. */
export const known = new Uint16Array(PLACES);

export function placeOf(pointer: number): number {
  return (pointer >>> 4) & (PLACES - 1);
}

const pop = ThreadHeap.prototype.popSmall;

/** Called from one place, which has seen several functions: so V8 inlines none of them, and the fast path stays short. */
const hearers: ((pointer: number) => void)[] = [() => {}, () => {}, () => {}];
const OF_REUSE = 2;
const LESSONS = 1000;

function tell(hearer: number, pointer: number): void {
  hearers[hearer]!(pointer);
}

class CountingHeap extends ThreadHeap {
  override popSmall(request: number): Pointer {
    const bytes = countdown[BYTES]! - (request === 0 ? 1 : request); // a block of no bytes can be sampled too
    const blocks = countdown[BLOCKS]! - 1;
    if ((bytes | blocks) < 0) return 0 as Pointer;
    const pointer = pop.call(this, request);
    if (pointer === 0) return pointer; // the slow path counts it
    countdown[BYTES] = bytes;
    countdown[BLOCKS] = blocks;
    if (known[(pointer >>> 4) & (PLACES - 1)] !== 0) tell(OF_REUSE, pointer);
    return pointer;
  }
}

/** Sets who hears when the fast path gives out an address where a sampled block may have been. */
export function whenReused(hear: (pointer: number) => void): void {
  known.fill(0);
  hearers[OF_REUSE] = hear;
}

/** Has the fast paths of these heaps, and of those that the thread makes later, count or not. */
export function count(heaps: readonly ThreadHeap[], isOn: boolean): void {
  if (isOn) for (let i = 0; i < LESSONS; i++) tell(i % OF_REUSE, i);
  for (const heap of heaps) {
    heap.hooks.counting = isOn ? CountingHeap.prototype : null;
    Object.setPrototypeOf(heap, heap.hooks.counting ?? ThreadHeap.prototype);
  }
}
