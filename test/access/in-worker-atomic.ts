/**
 * What workers do with words of the main thread's: they count, sleep, wake others, and sleep for ever.
 */
import { atomic, offset, type Pointer } from "../../src/index.js";

/** Where each kind counts, from the pointer on. */
export const COUNTERS = { u32: 0, i32: 4, u64: 8, i64: 16, flips: 24, locked: 32, plain: 36 } as const;

/** Counts with every operation; the last by a lock made of compareExchange and wait. */
export function count(pointer: Pointer, times: number, bit: number): number {
  const lock = offset(pointer, COUNTERS.locked);
  for (let i = 0; i < times; i++) {
    atomic.u32.add(pointer, 1, COUNTERS.u32);
    atomic.i32.sub(pointer, 1, COUNTERS.i32);
    atomic.u64.add(pointer, 2n, COUNTERS.u64);
    atomic.i64.sub(pointer, 2n, COUNTERS.i64);
    atomic.u32.xor(pointer, 1 << bit, COUNTERS.flips);
    acquire(lock);
    const was = atomic.i32.load(pointer, COUNTERS.plain);
    atomic.i32.store(pointer, was + 1, COUNTERS.plain);
    release(lock);
  }
  return times;
}

// 0 free, 1 held, 2 held and somebody may sleep
function acquire(lock: Pointer): void {
  if (atomic.i32.compareExchange(lock, 0, 1) === 0) return;
  while (atomic.i32.exchange(lock, 2) !== 0) atomic.wait(lock, 2, 10_000);
}

function release(lock: Pointer): void {
  if (atomic.i32.exchange(lock, 0) === 2) atomic.notify(lock, 1);
}

/** Says in the word behind that it is there, and sleeps on the word at the pointer. */
export function sleep(pointer: Pointer, timeoutMs: number): string {
  atomic.i32.add(pointer, 1, 4);
  return atomic.wait(pointer, 0, timeoutMs);
}

/** Waits at the pointer without sleeping, and says in the word behind that it does. */
export function waitWithoutSleep(pointer: Pointer, timeoutMs: number): Promise<string> {
  const woken = atomic.waitAsync(pointer, 0, timeoutMs);
  atomic.i32.add(pointer, 1, 4);
  return woken;
}

/** Answers each number at the pointer with the next one. */
export async function answer(pointer: Pointer, rounds: number): Promise<string> {
  for (let i = 0; i < rounds; i++) {
    while (atomic.i32.load(pointer) !== 2 * i + 1) {
      if ((await atomic.waitAsync(pointer, 2 * i, 20_000)) === "timed-out") return `no call in round ${i}`;
    }
    atomic.i32.store(pointer, 2 * i + 2);
    atomic.notify(pointer);
  }
  return "ok";
}
