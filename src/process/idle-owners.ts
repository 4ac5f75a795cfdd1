/**
 * Requests for memory to the owners of other heaps, which serve them in their event loops.
 *
 * Owns the request word in each heap's record, and the channel that notifies an event loop. Must not know how a request is served.
 *
 * Only its owner may write a heap's headers, and the owner's fast paths take no lock and no atomic: another thread can neither know
 * that the owner is outside of them nor keep it outside. (/proc says that a thread sleeps in the kernel, but not that it goes on
 * sleeping, and it may sleep for a lock of V8's in the middle of a fast path.) So the owner serves requests between two turns of
 * its event loop. A thread that blocks outside its event loop can call idle() before.
 */

import { sizeOf, UNIT_BYTES } from "../block/block.js";
import { isWorthGathering } from "../heap/gather.js";
import { addHoldings, noHoldings } from "../heap/holdings.js";
import { Rec } from "../heap/record.js";
import { Control } from "../memory/control.js";
import type { Block, Window } from "../memory/memory.js";
import { load, type Os } from "../platform/os.js";
import { footprintOf } from "../shared/account.js";
import { HEAP_RECORD, heapsOfOthers, isAlive, nodeThreadOf } from "../shared/heaps.js";
import { isMarkedBlock, LINK } from "../shared/inbox.js";

/** Requests: drain the inbox; drain it and give all free memory back. */
export const DRAIN = 1;
export const GIVE_BACK = 2;
/** The owner is serving the request. */
const AT_WORK = 3;
/** Why a thread asks for memory. */
export interface Need {
  /** Counts the pages of a heap: its part of the footprint, or those charged to it. */
  readonly counted: (m: Int32Array, record: number) => number;
  /**
   * Milliseconds that the thread waits for an owner to begin serving the request. An idle event loop begins within one, if a processor
   * is idle too. An owner that did not begin is not waited for again until it has.
   */
  readonly patience: number;
}
export const TRIM: Need = { counted: footprintOf, patience: 100 };
export const OUT_OF_MEMORY: Need = { counted: (m, record) => m[record + Rec.charged]!, patience: 500 };
/** Milliseconds that it waits for the request to be completed. */
const MOST_PATIENCE = 2000;
const NAP = 5;
/** Inboxes are counted no further. */
const MOST_COUNTED = 2 ** 20;

type Channel = InstanceType<typeof import("node:worker_threads").BroadcastChannel>;

let channel: Channel | null | undefined;
let open: () => void = () => {};

/** Sets the function that makes this thread listen, for a thread that needs memory before it listens itself. */
export function whenNeeded(listening: () => void): void {
  open = listening;
}

/** Makes this thread's event loop listen for requests, without keeping it alive. Creates an asynchronous resource. */
export function listen(heard: () => void): void {
  if (channel !== undefined) return;
  channel = openChannel();
  if (channel !== null) channel.onmessage = heard;
}

/** null in a runtime without: no requests; errors name the threads with undrained inboxes. */
function openChannel(): Channel | null {
  try {
    const { BroadcastChannel } = load("node:worker_threads") as typeof import("node:worker_threads");
    const opened = new BroadcastChannel("heapwright: memory is wanted");
    if (typeof opened.unref === "function") {
      opened.unref();
      return opened;
    }
    opened.close();
  } catch {
    // no such class, or none that may be made
  }
  return null;
}

export function isListening(): boolean {
  return channel !== undefined;
}

/** Entries of the heaps of other living threads. */
function others(window: Window, os: Os): number[] {
  return [...heapsOfOthers(window.words, os.threads).values()].flat();
}

/** Asks owners with blocks in their inboxes to drain them; does not wait. */
export function remind(window: Window, os: Os): void {
  if (!channel) return;
  const m = window.words;
  const late = others(window, os).filter((entry) => isLate(m, m[entry + HEAP_RECORD]!));
  for (const entry of late) window.compareExchange(m[entry + HEAP_RECORD]! + Rec.asked, 0, DRAIN);
  if (late.length > 0) channel.postMessage(0);
}

function isLate(m: Int32Array, record: number): boolean {
  return m[record + Rec.inbox] !== 0 || isWorthGathering(m, record);
}

/**
 * Asks all other owners to give memory back, and waits for those that had no such request yet; returns how many pages fewer they
 * have. The caller must not hold the lock.
 */
export function askForMemory(window: Window, os: Os, need: Need): number {
  const owners = others(window, os);
  if (owners.length > 0 && channel === undefined) open();
  return channel ? askOn(channel, owners, window, os, need) : 0;
}

/**
 * As askForMemory() when out of memory, for a thread that has no heap yet, and so does not listen; whether somebody was asked who may
 * have given some back.
 */
export function askWithoutHeap(window: Window, os: Os): boolean {
  const owners = others(window, os);
  const asking = owners.length === 0 ? null : (channel ?? openChannel());
  if (asking === null) return false;
  askOn(asking, owners, window, os, OUT_OF_MEMORY);
  if (asking !== channel) asking.close();
  return true;
}

function askOn(
  asking: Channel,
  owners: number[],
  window: Window,
  os: Os,
  { counted, patience }: Need,
): number {
  const m = window.words;
  const asked: number[] = [];
  let before = 0;
  for (const entry of owners) {
    const record = m[entry + HEAP_RECORD]!;
    if (window.exchange(record + Rec.asked, GIVE_BACK) >= GIVE_BACK) continue; // it has not served the last one yet
    asked.push(entry);
    before += counted(m, record);
  }
  if (asked.length === 0) return 0;
  asking.postMessage(0);
  const start = performance.now();
  for (const entry of asked) awaitAnswer(window, os, entry, start, patience);
  return before - asked.reduce((sum, entry) => sum + counted(m, m[entry + HEAP_RECORD]!), 0);
}

function awaitAnswer(window: Window, os: Os, entry: number, start: number, patience: number): void {
  const word = window.words[entry + HEAP_RECORD]! + Rec.asked;
  for (;;) {
    const value = window.atomicLoad(word); // acquires: the account is read after the answer
    const left = start + (value === AT_WORK ? MOST_PATIENCE : patience) - performance.now();
    if (value === 0 || left <= 0 || !isAlive(window, os.threads, entry)) return;
    os.threads.waitOn(window.addressOf(word), value, Math.min(left, NAP));
  }
}

/** The request to a heap of this thread, which is marked as being served; 0 for none. */
export function askedOf(window: Window, record: number): number {
  const what = window.atomicLoad(record + Rec.asked);
  if (what !== 0) window.compareExchange(record + Rec.asked, what, AT_WORK);
  return what;
}

/** Answers the request: it was served. */
export function answer(window: Window, os: Os, record: number): void {
  window.atomicStore(record + Rec.asked, 0); // releases: what was given back is visible before
  os.threads.wakeUpTo(window.addressOf(record + Rec.asked), 1000);
}

/** A thread that has not taken back yet what others freed in its heaps. */
export interface Waiting {
  /** Node's number of the thread, as in worker_threads; -1 where it is not known. */
  thread: number;
  /** Bytes in those blocks, headers included. */
  bytes: number;
}

/** All such threads but the calling one. */
export function waiting(window: Window, os: Os): Waiting[] {
  const m = window.words;
  return [...heapsOfOthers(m, os.threads).values()]
    .map((entries) => {
      const thread = Math.max(...entries.map((entry) => nodeThreadOf(m, entry))); // noted with the first of its heaps alone
      const bytes = entries.reduce((sum, entry) => sum + waitingBytes(window, m[entry + HEAP_RECORD]!), 0);
      return { thread, bytes };
    })
    .filter(({ bytes }) => bytes > 0);
}

/** Bytes that are free in their heaps, and not given back. */
export function freeElsewhere(window: Window, os: Os): number {
  const m = window.words;
  const all = noHoldings();
  let purged = 0;
  for (const entry of others(window, os)) {
    const record = m[entry + HEAP_RECORD]!;
    addHoldings(all, m, record);
    purged += m[record + Rec.purgedPages]!;
  }
  return (all.freeUnits + all.cachedUnits) * UNIT_BYTES - purged * os.pageSize;
}

/** Less what was given back meanwhile (reclaim.ts). */
function waitingBytes(window: Window, record: number): number {
  const m = window.words;
  const marked = Math.max(0, m[record + Rec.markedUnits]!) * UNIT_BYTES;
  const reclaimed = m[record + Rec.reclaimedPages]! * m[Control.pageSize]!;
  return Math.max(0, remoteBytes(window, record) + marked - reclaimed);
}

/** Bytes in an inbox. Its owner may drain it meanwhile: each block is verified, so that nothing outside heaps is read. */
function remoteBytes(window: Window, record: number): number {
  const m = window.words;
  let bytes = 0;
  let b = window.atomicLoad(record + Rec.inbox); // orders the links after it
  for (let left = MOST_COUNTED; left > 0 && isMarkedBlock(m, b, record, m[Control.secret]!); left--) {
    bytes += sizeOf(m, b as Block);
    b = m[b + LINK]!;
  }
  return bytes;
}
