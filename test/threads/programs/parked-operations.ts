/**
 * The operations in which a worker is stopped, each brought to where it does what it is about.
 */
import { blockBytes } from "../../../src/block/block.js";
import type { ThreadHeap } from "../../../src/heap/heap.js";
import { resizeInPlace } from "../../../src/heap/resize.js";
import { vacateClosed, vacateWilderness } from "../../../src/heap/vacate.js";
import { NULL, type Pointer } from "../../../src/memory/memory.js";
import { vacantChunks } from "../../../src/space/vacant.js";
import { adopt } from "../../support/adopt.js";
import { type Actor, giveBack } from "./actor.js";

export interface Operation {
  /** What comes before, with stores that are not counted; what it returns is given to `run`. null: joining counts. */
  readonly prepare: ((actor: Actor) => Pointer[]) | null;
  readonly run: (heap: ThreadHeap, pointers: readonly Pointer[]) => void;
  /** Blocks that may be left to nobody: what the thread had in hand. */
  readonly lost: number;
  /** The main thread frees what the worker put into the slots between, or puts blocks of its own there first. */
  readonly passes?: "to main" | "to worker";
  /** Another worker dies in one of these first, and nobody looks. */
  readonly after?: readonly string[];
  /** Whether somebody else has the chunk above the worker's last one. */
  readonly hemmedIn?: boolean;
  /** Another thread wants the same lock all the time. */
  readonly contended?: true;
}

/** More than a chain holds: it is sent on the way, among the last of them. */
export const PASSED = 36;
const SMALL = 64;
/** Too large to be cached. */
const RUN = 12_000;
const BIG = 500_000; // the heap takes it, for it is asked directly
const LARGE = 300_000;

function resize(heap: ThreadHeap, pointer: Pointer, size: number): void {
  if (resizeInPlace(heap, heap.liveBlock(pointer), size) === 0) throw new Error("not resized in place");
}

/** The middle of three neighbours, in nobody's hands; those named are free. */
function between(actor: Actor, ...free: number[]): Pointer[] {
  const row = actor.row(RUN, 5);
  actor.give(...free.map((i) => row[i]!));
  return actor.letGo(row[2]!);
}

/** Free blocks of one small size between live ones, in their small bin. */
function pieces(actor: Actor, size: number): Pointer[] {
  const row = actor.row(size, 40);
  actor.give(...row.filter((_, i) => i % 2 === 1));
  actor.heap.consolidate();
  return [];
}

/** Uses up what the heap has, the last chunk of the range included, so that the next block needs more address space. */
function fill(actor: Actor): Pointer[] {
  const { heap } = actor;
  for (let grown = 0; grown < 2; grown++) {
    for (let p = heap.allocateWithin(BIG); p !== NULL; p = heap.allocateWithin(BIG)) actor.hold(p, BIG);
    if (grown === 0) actor.hold(heap.window.pointerOf(heap.wilderness.grow(blockBytes(BIG))), BIG);
  }
  return [];
}

export const operations: Record<string, Operation> = {
  "malloc of a batch": { prepare: () => [], run: (heap) => void heap.allocate(SMALL), lost: 1 },
  "malloc that splits": {
    prepare: (actor) => {
      actor.give(actor.row(20_000, 3)[1]!);
      return [];
    },
    run: (heap) => void heap.allocate(5000),
    lost: 1,
  },
  "malloc that splits a small bin": {
    prepare: (actor) => pieces(actor, 480),
    run: (heap) => void heap.allocate(48),
    lost: 1,
  },
  consolidation: {
    prepare: (actor) => {
      const row = actor.row(120, 60);
      actor.give(...row.filter((_, i) => i % 3 !== 0));
      return [];
    },
    run: (heap) => heap.consolidate(),
    lost: 0,
  },
  "free into the cache": {
    prepare: (actor) => actor.letGo(...actor.row(120, 70)),
    run: (heap, pointers) => {
      for (const pointer of pointers) giveBack(heap, pointer);
    },
    lost: 70,
  },
  "free that joins forward": {
    prepare: (actor) => between(actor, 3),
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that joins both ways": {
    prepare: (actor) => between(actor, 1, 3),
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "realloc that shrinks": {
    prepare: (actor) => between(actor),
    run: (heap, [pointer]) => resize(heap, pointer!, 1500),
    lost: 1,
  },
  "realloc that grows forward": {
    prepare: (actor) => between(actor, 3),
    run: (heap, [pointer]) => resize(heap, pointer!, 18_000),
    lost: 1,
  },
  "realloc that grows backward": {
    prepare: (actor) => between(actor, 1),
    run: (heap, [pointer]) => resize(heap, pointer!, 18_000),
    lost: 1,
  },
  "growth that extends": {
    prepare: fill,
    run: (heap) => void heap.wilderness.grow(blockBytes(BIG)),
    lost: 1,
    contended: true,
    hemmedIn: false,
  },
  "growth that opens": {
    prepare: fill,
    run: (heap) => void heap.wilderness.grow(blockBytes(BIG)),
    lost: 1,
    contended: true,
    hemmedIn: true,
  },
  vacating: {
    prepare: (actor) => {
      const { heap } = actor;
      const blocks = Array.from({ length: 6 }, () =>
        heap.window.pointerOf(heap.wilderness.grow(blockBytes(BIG))),
      );
      for (const pointer of blocks) actor.hold(pointer, BIG);
      actor.give(...blocks);
      heap.trim();
      return [];
    },
    run: (heap) => {
      const before = vacantChunks(heap.words);
      vacateWilderness(heap.wilderness);
      vacateClosed(heap.pool);
      if (vacantChunks(heap.words) === before) throw new Error("nothing was vacated");
    },
    lost: 0,
    contended: true,
  },
  "mmap and munmap": {
    prepare: () => [],
    run: (heap) => void heap.large.free(heap.allocate(LARGE)),
    lost: 1,
    contended: true,
  },
  mremap: {
    prepare: (actor) => {
      const block = actor.take(LARGE);
      actor.take(LARGE);
      return actor.letGo(block);
    },
    run: (heap, [pointer]) => {
      const moved = heap.large.resize(pointer!, 500_000);
      heap.large.resize(moved, 400_000);
    },
    lost: 1,
    contended: true,
  },
  "remote free": {
    prepare: (actor) => {
      const pointers = actor.fromOthers(PASSED);
      actor.give(...pointers.splice(8));
      return pointers;
    },
    run: (heap, pointers) => {
      for (const pointer of pointers) giveBack(heap, pointer);
      heap.outbox.flush();
    },
    lost: PASSED, // in hand, or in the outbox of one who lives still
    passes: "to worker",
  },
  drain: {
    prepare: (actor) => {
      const pointers = [...actor.row(SMALL, 6), ...actor.row(RUN, 4)];
      for (const [i, pointer] of actor.letGo(...pointers).entries()) actor.passed.swap(i, pointer);
      return [];
    },
    run: (heap) => heap.drain(),
    lost: 0,
    passes: "to main",
  },
  adoption: {
    prepare: () => [],
    run: (heap) => void adopt(heap),
    lost: 2 * PASSED,
    after: ["free that joins both ways", "growth that opens", "remote free", "drain"],
  },
  joining: { prepare: null, run: () => {}, lost: 0 },
};
