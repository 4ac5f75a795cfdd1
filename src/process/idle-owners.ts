/**
 * Asking threads that wait in their event loops for memory that only they can give back.
 *
 * Owns the word in each heap's record that says what is asked, and the channel on which an event loop hears that something is.
 * Must not know what is done then.
 *
 * Nobody but its owner may write a heap's headers, and the owner's fast paths take no lock and no atomic: nothing tells another
 * thread that the owner is outside of them, and nothing would keep it outside. (That a thread waits in the kernel can be read in
 * /proc, but not that it goes on waiting; and a thread that waits for a lock of V8 may be in the middle of a fast path.) So
 * the owner does it, between two turns of its event loop. One that never comes there can call idle() before it waits.
 */

import { sizeOf, UNIT_BYTES } from "../block/block.js";
import { isWorthGathering } from "../heap/gather.js";
import { Rec } from "../heap/record.js";
import { Control } from "../memory/control.js";
import type { Block, Window } from "../memory/memory.js";
import { load, type Os } from "../platform/os.js";
import { HEAP_RECORD, heapsOfOthers, isAlive, nodeThreadOf } from "../shared/heaps.js";
import { isMarkedBlock, LINK } from "../shared/inbox.js";

/** To take back what others freed; and to give all that is free back besides. */
export const DRAIN = 1;
export const GIVE_BACK = 2;
/** The owner is at it. */
const AT_WORK = 3;
/**
 * How long a thread that needs memory waits until others have heard of it, in milliseconds: an event loop that is idle hears
 * in less than one where a processor is idle, too. And until those are done.
 */
const PATIENCE = 100;
const MOST_PATIENCE = 2000;
const NAP = 5;
/** Lists are followed no further when they are counted. */
const MOST_COUNTED = 2 ** 20;

type Channel = InstanceType<typeof import("node:worker_threads").BroadcastChannel>;

let channel: Channel | null | undefined;
let open: () => void = () => {};

/** Says how this thread comes to listen, for when it is the one that needs memory and does not yet. */
export function whenNeeded(listening: () => void): void {
  open = listening;
}

/** Lets this thread's event loop hear when somebody asks; never keeps it alive. Something asynchronous begins. */
export function listen(heard: () => void): void {
  if (channel !== undefined) return;
  channel = null;
  try {
    const { BroadcastChannel } = load("node:worker_threads") as typeof import("node:worker_threads");
    const opened = new BroadcastChannel("heapwright: memory is wanted");
    opened.onmessage = heard;
    if (typeof opened.unref !== "function") opened.close();
    else {
      opened.unref();
      channel = opened;
    }
  } catch {
    // a runtime without it: then nobody hears, and what waits is named in the error
  }
}

export function isListening(): boolean {
  return channel !== undefined;
}

/** Entries of the heaps of other living threads. */
function others(window: Window, os: Os): number[] {
  return [...heapsOfOthers(window.words, os.threads).values()].flat();
}

/** Asks those that have something to take back to do so when they come to it. */
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

/** Which pages of a heap count: those charged to it, or those of them that were touched (heldPages). */
export type Counted = (m: Int32Array, record: number) => number;
export const chargedPages: Counted = (m, record) => m[record + Rec.charged]!;

/**
 * Asks all others for what they have, and waits for those that were not asked before; how many pages fewer they have then. Not
 * under the lock.
 */
export function askForMemory(window: Window, os: Os, counted: Counted): number {
  const owners = others(window, os);
  if (owners.length > 0 && channel === undefined) open();
  if (!channel) return 0;
  const m = window.words;
  const asked: number[] = [];
  let before = 0;
  for (const entry of owners) {
    const record = m[entry + HEAP_RECORD]!;
    if (window.exchange(record + Rec.asked, GIVE_BACK) >= GIVE_BACK) continue; // it has not come to it since
    asked.push(entry);
    before += counted(m, record);
  }
  if (asked.length === 0) return 0;
  channel.postMessage(0);
  const start = performance.now();
  for (const entry of asked) awaitAnswer(window, os, entry, start);
  return before - asked.reduce((sum, entry) => sum + counted(m, m[entry + HEAP_RECORD]!), 0);
}

function awaitAnswer(window: Window, os: Os, entry: number, start: number): void {
  const word = window.words[entry + HEAP_RECORD]! + Rec.asked;
  for (;;) {
    const value = window.atomicLoad(word); // orders the account after the answer
    const left = start + (value === AT_WORK ? MOST_PATIENCE : PATIENCE) - performance.now();
    if (value === 0 || left <= 0 || !isAlive(window, os.threads, entry)) return;
    os.threads.waitOn(window.addressOf(word), value, Math.min(left, NAP));
  }
}

/** What this thread is asked to do and begins to do now; 0 for nothing. */
export function askedOf(window: Window, record: number): number {
  const what = window.atomicLoad(record + Rec.asked);
  if (what !== 0) window.compareExchange(record + Rec.asked, what, AT_WORK);
  return what;
}

/** It was done. */
export function answer(window: Window, os: Os, record: number): void {
  window.atomicStore(record + Rec.asked, 0); // orders what was given back before it
  os.threads.wakeUpTo(window.addressOf(record + Rec.asked), 1000);
}

/** A thread that has not taken back yet what others freed of it. */
export interface Waiting {
  /** Node's number of the thread, as in worker_threads; -1 where it is not known. */
  thread: number;
  /** Bytes in those blocks, headers included. */
  bytes: number;
}

/** All of them but the calling one. */
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

/** Less what was given back meanwhile (reclaim.ts). */
function waitingBytes(window: Window, record: number): number {
  const m = window.words;
  const marked = Math.max(0, m[record + Rec.leftUnits]!) * UNIT_BYTES;
  const reclaimed = m[record + Rec.reclaimedPages]! * m[Control.pageSize]!;
  return Math.max(0, remoteBytes(window, record) + marked - reclaimed);
}

/** Of the list that others push to, read while its owner may take it apart: whatever is met, no word outside heaps is read. */
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
