/**
 * Whole heaps over a simulated operating system, and what tests of the core say about them.
 *
 * Owns setting such a heap up and looking at it from outside: its check, its footprint, its words.
 */
import * as assert from "uvu/assert";
import { isFree, nextOf, sizeOf } from "../../src/block/block.js";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { purge } from "../../src/heap/purge.js";
import { Rec } from "../../src/heap/record.js";
import { checkHeap } from "../../src/heap/verify.js";
import { checkShared } from "../../src/inspect/check-shared.js";
import { Control, ownerOfWord } from "../../src/memory/control.js";
import type { Block, Pointer } from "../../src/memory/memory.js";
import { joinProcess } from "../../src/process/adopt.js";
import { openWindow } from "../../src/process/process.js";
import { defaults, type Settings } from "../../src/process/settings.js";
import { chargedPages } from "../../src/shared/account.js";
import { type Hooks, noHooks, type TraceStep } from "../../src/shared/hooks.js";
import { type FakeOptions, FakeOs, PAGE } from "./fake-os.js";

export interface FakeHeap {
  readonly heap: ThreadHeap;
  readonly os: FakeOs;
  readonly hooks: Hooks;
  readonly m: Int32Array;
}

/** A heap of its own on 64 MiB, half of it taken from the break, unless the options say otherwise. */
export function fakeHeap(settings: Partial<Settings> = {}, options: FakeOptions = {}): FakeHeap {
  const os = new FakeOs(options);
  const hooks = noHooks();
  const heap = joinProcess(openWindow(os, { ...defaults, ...settings }), os, hooks);
  return { heap, os, hooks, m: heap.words };
}

/** The same process seen by another thread, which has a heap of its own. */
export function anotherThread(of: FakeHeap, thread: number): FakeHeap {
  of.os.threads.current = thread;
  const hooks = noHooks();
  const heap = joinProcess(of.heap.window, of.os, hooks);
  return { heap, os: of.os, hooks, m: heap.words };
}

/** Frees a block of another thread's heap; false when none is live there. */
export function sendBack(heap: ThreadHeap, pointer: Pointer): boolean {
  const b = heap.liveBlockOfAny(pointer);
  return b !== 0 && heap.outbox.put(b, ownerOfWord(heap.words, b));
}

/** Every header, list and count of the heap must agree. */
export function verify(of: FakeHeap): void {
  checkHeap(of.heap);
  checkShared(of.heap);
}

/** A live block of `bytes`, header included; 0 when memory is out. */
export function takeBlock(heap: ThreadHeap, bytes: number): Block {
  const pointer = heap.obtain(bytes);
  return pointer === 0 ? (0 as Block) : heap.window.blockOf(pointer);
}

/** A live block of exactly `bytes`, header included, or at most a remainder more. */
export function take(of: FakeHeap, bytes: number): Block {
  const b = takeBlock(of.heap, bytes);
  assert.is.not(b, 0, `no room for a block of ${bytes} bytes`);
  return b;
}

/** Blocks of these sizes that lie one after the other, the first above what was there: all from the wilderness. */
export function row(of: FakeHeap, ...sizes: number[]): Block[] {
  const { wilderness } = of.heap;
  const blocks = sizes.map((bytes) => wilderness.carve(bytes) || wilderness.grow(bytes));
  for (let i = 1; i < blocks.length; i++) {
    assert.is(nextOf(of.m, blocks[i - 1]!), blocks[i], `block ${i} lies above block ${i - 1}`);
  }
  return blocks;
}

/** A heap with one free block of `bytes`, more than 1 KiB, between live ones. */
export function withRun(bytes: number): { of: FakeHeap; run: Block } {
  const of = fakeHeap();
  const [, run] = row(of, 64, bytes, 64);
  join(of, run!);
  if (!isFree(of.m, run!)) throw new Error("the run was not coalesced");
  return { of, run: run! };
}

/** Frees a live block, by the fast path where that takes it. */
export function free(of: FakeHeap, pointer: Pointer): void {
  if (!of.heap.freeSmall(pointer)) of.heap.freeBlock(of.heap.window.blockOf(pointer));
}

/** Frees a block of any size past the cache: it is coalesced at once, and a small one put into its small bin. */
export function join(of: FakeHeap, b: Block): void {
  of.heap.release(b);
}

/** Gives the pages inside a free block back, with those of others at least as large; returns how many. */
export function giveBack(of: FakeHeap, b: Block): number {
  return purge(of.heap.wilderness, sizeOf(of.m, b));
}

export function payload(of: FakeHeap, b: Block): Pointer {
  return of.heap.window.pointerOf(b);
}

export function bytesOf(of: FakeHeap, b: Block): number {
  return sizeOf(of.m, b);
}

/** A word of the heap record. */
export function record(of: FakeHeap, name: keyof typeof Rec): number {
  return of.m[of.heap.record + Rec[name]]!;
}

/** A word of the control block. */
export function control(of: FakeHeap, name: keyof typeof Control): number {
  return of.m[Control[name]]!;
}

export function setControl(of: FakeHeap, name: keyof typeof Control, value: number): void {
  of.m[Control[name]] = value;
}

/** Pages charged, of all heaps and large blocks. */
export function charged(of: FakeHeap): number {
  return chargedPages(of.m);
}

/** Leaves room for exactly `pages` more. */
export function limitTo(of: FakeHeap, pages: number): void {
  setControl(of, "limitPages", charged(of) + pages);
}

export function footprintPages(of: FakeHeap): number {
  return of.heap.pressure().footprint / PAGE;
}

/** The steps that `work` takes, as a tracer sees them. */
export function stepsOf(of: FakeHeap, work: () => void): TraceStep[] {
  const steps: TraceStep[] = [];
  of.heap.trace((step) => steps.push(step), null);
  try {
    work();
  } finally {
    of.heap.trace(null, null);
  }
  return steps;
}

/** The whole of what a heap knows: to show that a refused operation changed nothing. */
export function snapshot(of: FakeHeap): Int32Array {
  return of.m.slice(0, ceiling(of));
}

/** First word above all segments. */
export function ceiling(of: FakeHeap): number {
  const { segments } = of.heap.wilderness;
  return Math.max(...Array.from({ length: segments.count }, (_, id) => segments.end(id)));
}

/** Fails with the first word that differs. */
export function same(of: FakeHeap, before: Int32Array): void {
  const at = before.findIndex((word, i) => of.m[i] !== word);
  if (at >= 0) throw new Error(`word ${at} was ${before[at]} and is ${of.m[at]}`);
}
