/**
 * Waiting for a word without blocking the thread: atomic.waitAsync().
 *
 * Owns the promises of this thread, and the channel by which a thread that wakes waiters tells all threads to look. Nothing
 * is polled and no thread blocks: the table of waiters (shared/waiters.ts) says who was woken, and a BroadcastChannel of
 * Node's, which reaches all threads of the process, wakes their event loops. node:worker_threads is loaded at the first wait.
 */
import { unusable } from "../api/attached.js";
import { heap } from "../api/malloc.js";
import { thread } from "../api/thread.js";
import { HeapError } from "../errors.js";
import { Control, MAX_WAITERS } from "../memory/control.js";
import { load } from "../platform/os.js";
import { enlist, isWoken, type Waiter, wake, withdraw } from "../shared/waiters.js";

/** How a wait can end. */
export type WaitResult = "ok" | "not-equal" | "timed-out";

/** Milliseconds of Node's longest timer; a longer wait has none. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Pending {
  readonly waiter: Waiter;
  settle(result: WaitResult): void;
}

const pending = new Set<Pending>();
let channel: BroadcastChannel | null = null;

/** The type that TypeScript's Node 20 types have for it. */
type BroadcastChannel = import("node:worker_threads").BroadcastChannel;

function channelOfThread(): BroadcastChannel {
  if (channel === null) {
    const threads = load("node:worker_threads") as typeof import("node:worker_threads");
    channel = new threads.BroadcastChannel("heapwright.notify");
    channel.onmessage = settleWoken;
    keepAlive(false);
  }
  return channel;
}

/** The channel keeps the thread alive while a promise is pending. */
function keepAlive(wanted: boolean): void {
  const { ref, unref } = channel as unknown as { ref(): void; unref(): void };
  (wanted ? ref : unref).call(channel);
}

/** Waits at a place of the window if `holds()`; a promise of the result. */
export function waitAt(place: number, holds: () => boolean, timeoutMs: number): Promise<WaitResult> {
  if (!holds()) return Promise.resolve("not-equal");
  if (timeoutMs <= 0) return Promise.resolve("timed-out");
  channelOfThread(); // listens before anybody can notify
  const { window, wilderness } = heap;
  const waiter = enlist(window, wilderness.os.threads, thread.id, place);
  if (waiter === null) throw tooMany();
  // A thread that changes the word after this check, and then notifies, finds the waiter.
  if (!holds()) return Promise.resolve(withdraw(window, waiter) ? "ok" : "not-equal");
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | null = null;
    const wait: Pending = {
      waiter,
      settle(result) {
        if (timer !== null) clearTimeout(timer);
        pending.delete(wait);
        if (pending.size === 0) keepAlive(false);
        resolve(withdraw(window, waiter) ? "ok" : result);
      },
    };
    if (pending.size === 0) keepAlive(true);
    pending.add(wait);
    if (timeoutMs <= LONGEST_TIMER) timer = setTimeout(() => wait.settle("timed-out"), timeoutMs);
  });
}

function settleWoken(): void {
  for (const wait of pending) if (isWoken(heap.window, wait.waiter)) wait.settle("ok");
}

/** Wakes up to `count` asynchronous waiters at a place, in any thread; returns how many. */
export function wakeAt(place: number, count: number): number {
  if (unusable !== null || heap.window.atomicLoad(Control.waiters) === 0) return 0;
  const woken = wake(heap.window, heap.wilderness.os.threads, place, count);
  if (woken === 0) return 0;
  channelOfThread().postMessage(null); // reaches all other threads, not this one
  settleWoken();
  return woken;
}

function tooMany(): HeapError {
  return new HeapError(
    "ERR_INVALID_STATE",
    `atomic.waitAsync: ${MAX_WAITERS} waits go on in this process already, the most that can; wait for one word on behalf of several`,
  );
}
