/**
 * A worker is terminated in the middle of its work: its heap goes on, in other threads, with what others hold of it.
 */
import { check, free, malloc, type Pointer, stats, type WalkedBlock, walk } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { Hand, until } from "./crew.js";
import { heapOf } from "./header.js";
import { Meeting, newMeeting } from "./meeting.js";
import { code, count, hex, line, plural, say } from "./page.js";
import { drawBlocks, verifyAccount } from "./picture.js";
import { same, verify, verifyStamp } from "./proof.js";

/** Bytes that fill the row of a picture: a third more than the blocks ever spread over. */
const ROW = 40 * 1024;
/** The same when the worker was at work in it: as far as it committed memory. */
const COMMITTED = 192 * 1024;
const SIZE = 2040;
const SEED = 21;
const STEPS = 200_000;
/** What the main thread fills its own heap with, and how often at most. */
const FILLER = 120_000;
const MOST_FILLERS = 4000;

/** Blocks that the main thread holds, by name; all of SIZE bytes. */
type Held = Map<Pointer, { readonly name: string; readonly seed: number }>;

export const deadWorker: Chapter = {
  title: "A worker dies, and its heap lives on",
  async run() {
    const held: Held = new Map();
    const heap = await dieInTheMiddle(held);
    await nextThatStarts(heap, held);
    nextThatNeedsMemory(heap, held);
  },
};

/** A worker gives three blocks to the main thread, and is terminated while it allocates; where its heap lies. */
async function dieInTheMiddle(held: Held): Promise<number> {
  const worker = await Hand.start();
  try {
    say(
      "A worker hands blocks A, B and C to the main thread. Then it allocates, resizes and frees blocks of up to " +
        "3,000 bytes, one after the other, and never stops:",
    );
    const [a, gap, b, another, c] = (await worker.ask("take", Array(5).fill(SIZE), SEED)) as FivePointers;
    await worker.ask("give", [gap, another]);
    for (const [index, pointer] of [a, b, c].entries()) {
      held.set(pointer, { name: "ABC"[index]!, seed: SEED + 2 * index });
    }
    drawBlocks(await worker.ask("walk"), ROW, namesOf(held));
    line();
    const shared = newMeeting();
    const meeting = new Int32Array(shared);
    worker.set("churn", shared);
    await until(
      "the worker is at work",
      () => worker.isWell() && Atomics.load(meeting, Meeting.steps) >= STEPS,
    );
    const before = stats();
    await worker.end();
    tellDeath(Atomics.load(meeting, Meeting.steps), before);
    verifyHeld(held);
    return worker.heap;
  } finally {
    await worker.end();
  }
}

type FivePointers = [Pointer, Pointer, Pointer, Pointer, Pointer];

function tellDeath(steps: number, before: ReturnType<typeof stats>): void {
  const { threads, orphans } = stats();
  code("await worker.terminate()", `after step ${count(steps)}, somewhere in the next`);
  same("threads with a heap", threads, before.threads - 1);
  same("heaps without a thread", orphans, before.orphans + 1);
  code("stats().threads", `${before.threads} before, ${threads} now`);
  code("stats().orphans", `${before.orphans} before, ${orphans} now: heaps that have no thread`);
  line();
  say(
    "The worker could not tidy up. It held a mutex for as long as it lived; the kernel released that, and so " +
      "every thread can see that its heap is to be had. A, B and C are as they were.",
  );
}

/** Another worker starts, and has the heap. */
async function nextThatStarts(heap: number, held: Held): Promise<void> {
  const before = stats();
  const worker = await Hand.start();
  try {
    same("the heap of the new worker", worker.heap, heap);
    same("heaps without a thread", stats().orphans, before.orphans - 1);
    say(
      `Another worker starts. It takes the heap at ${hex(heap)} over: every header is walked, what was free is ` +
        "joined, and lists and counts are made again. Blocks without a name were in use by the worker that died:",
    );
    drawBlocks(await verifiedWalk(worker, heap), COMMITTED, namesOf(held));
    line();
    const pointers = await worker.ask("take", [SIZE, SIZE], SEED + 10);
    for (const [index, pointer] of pointers.entries()) {
      same("the heap of a new block", heapOf(pointer), heap);
      held.set(pointer, { name: "DE"[index]!, seed: SEED + 10 + index });
    }
    code("D, E = malloc(2040) twice, in the new worker");
    drawBlocks(await verifiedWalk(worker, heap), COMMITTED, namesOf(held));
    line();
    const grows = same("how often address space was added", stats().grows, before.grows);
    code("stats().grows", `${grows}, as before: no address space was added`);
    line();
    same("the number of segments", stats().segments, before.segments);
    verifyHeld(held);
  } finally {
    await worker.end();
  }
}

/** The worker's walk, all of which lies in that heap. */
async function verifiedWalk(worker: Hand, heap: number): Promise<WalkedBlock[]> {
  const blocks = await worker.ask("walk");
  for (const { pointer } of blocks) {
    if (heapOf(pointer) !== heap) throw new Error(`not true: ${hex(pointer)} lies in the worker's heap`);
  }
  return blocks;
}

/** The main thread fills its own heap, and gets the dead worker's before it asks for address space. */
function nextThatNeedsMemory(heap: number, held: Held): void {
  const before = stats();
  verify(before.orphans > 0, "the heap has no thread");
  const fillers: Pointer[] = [];
  while (stats().orphans === before.orphans && fillers.length < MOST_FILLERS) fillers.push(malloc(FILLER));
  const last = fillers.at(-1)!;
  same("the heap of the block that came last", heapOf(last), heap);
  same("how often address space was added", stats().grows, before.grows);
  check();
  say(
    "That worker ends too. Now the main thread needs memory: it allocates until its own heap is full. Before it " +
      "asks for more address space, it takes over what no thread has:",
  );
  code(`malloc(${FILLER}), ${count(fillers.length - 1)} times`, "from its own heap");
  code(`malloc(${FILLER})`, `${hex(last)}, in the dead worker's heap`);
  fillers.forEach(free);
  code("fillers.forEach(free)", "its heap, as walk() shows it here:");
  const blocks = [...walk()];
  verifyAccount(blocks);
  drawBlocks(
    blocks.filter(({ pointer, state }) => state !== "mapped" && heapOf(pointer) === heap),
    COMMITTED,
    namesOf(held),
  );
  line();
  verifyHeld(held);
  freeAll(heap, held);
}

/** What is held, and what is left of the worker that died, which only walk() finds. */
function freeAll(heap: number, held: Held): void {
  const live = [...walk()].filter(({ pointer, state }) => state === "live" && heapOf(pointer) === heap);
  const left = live.filter(({ pointer }) => !held.has(pointer));
  verify(live.length - left.length === held.size, "all that is held is in use");
  for (const { pointer } of left) free(pointer);
  code("for (const { pointer } of walk()) …", `${plural(left.length, "block")} of the dead worker, freed`);
  for (const pointer of held.keys()) free(pointer);
  code("free(A), free(B), free(C), free(D), free(E)");
  line();
  check();
  same("blocks in use", stats().blocks, 0);
  say(
    "Nothing is lost and nothing is in use; every header and list agrees. It was one heap in three threads.",
  );
}

function verifyHeld(held: Held): void {
  for (const [pointer, { name, seed }] of held) verifyStamp(name, pointer, SIZE, seed);
  check();
}

function namesOf(held: Held): Map<Pointer, string> {
  return new Map([...held].map(([pointer, { name }]) => [pointer, name]));
}
