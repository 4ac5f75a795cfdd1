/**
 * Address space that blocks were in comes back: for other threads, and for large blocks.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { blocksOf } from "../../src/heap/blocks.js";
import { CHUNK_WORDS } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import { explainPointer } from "../../src/process/diagnose.js";
import { anotherThread, type FakeHeap, fakeHeap, free, record, verify } from "../support/fake-heap.js";
import { MIB } from "../support/fake-os.js";

const BLOCK = 100_000;

interface Two {
  /** The heap of thread 1 or 2, which runs from now on. */
  readonly turn: (thread: number) => FakeHeap;
  /** The blocks of each. */
  readonly blocks: readonly Pointer[][];
}

/** Two threads in a window of 64 MiB, half of it from the break, whose segments alternate: `rounds` of each, and the first. */
function alternating(rounds: number): Two {
  const one = fakeHeap();
  const two = anotherThread(one, 2);
  const turn = (thread: number) => {
    one.os.threads.current = thread;
    return thread === 1 ? one : two;
  };
  const blocks: Pointer[][] = [[], []];
  for (let round = 0; round < 2 * rounds; round++) {
    const of = turn(1 + (round % 2));
    const before = segmentsOf(of);
    do blocks[round % 2]!.push(allocate(of, BLOCK));
    while (segmentsOf(of) === before);
  }
  return { turn, blocks };
}

function segmentsOf(of: FakeHeap): number {
  return of.heap.wilderness.ownSegments().length;
}

function allocate(of: FakeHeap, size: number): Pointer {
  const pointer = of.heap.allocate(size);
  assert.is.not(pointer, 0, `room for ${size} bytes`);
  return pointer;
}

function give(of: FakeHeap, pointer: Pointer): void {
  if (of.heap.large.free(pointer) < 0) free(of, pointer);
}

/** Allocates until nothing is left. */
function fill(of: FakeHeap, size: number): Pointer[] {
  const pointers: Pointer[] = [];
  for (let p = of.heap.allocate(size); p !== 0; p = of.heap.allocate(size)) pointers.push(p);
  return pointers;
}

test("relieve() vacates segments without a block, but for the first one and what the active one has in use", () => {
  const { turn, blocks } = alternating(3);
  const of = turn(1);
  assert.is(segmentsOf(of), 4);
  for (const pointer of blocks[0]!) free(of, pointer);
  assert.ok(of.heap.relieve());
  assert.is(segmentsOf(of), 2);
  assert.ok(record(of, "charged") < 8, "pages of the record, and of headers at both ends");
  verify(of);
  verify(turn(2));
});

test("a segment with one live block stays, and goes when that is freed", () => {
  const { turn, blocks } = alternating(3);
  const of = turn(1);
  const middle = Math.floor(blocks[0]!.length / 2);
  for (const [i, pointer] of blocks[0]!.entries()) if (i !== middle) free(of, pointer);
  of.heap.relieve();
  assert.is(segmentsOf(of), 3);
  assert.is.not(of.heap.liveBlock(blocks[0]![middle]!), 0);
  verify(of);
  const other = turn(2);
  assert.ok(other.heap.outbox.put(other.heap.liveBlockOfAny(blocks[0]![middle]!), of.heap.record));
  other.heap.outbox.flush();
  turn(1);
  of.heap.relieve();
  assert.is(segmentsOf(of), 2);
  verify(of);
});

test("nothing is vacated whose pages the kernel keeps", () => {
  const { turn, blocks } = alternating(3);
  const of = turn(1);
  for (const pointer of blocks[0]!) free(of, pointer);
  of.os.refused.add("discard");
  of.heap.relieve();
  assert.is(segmentsOf(of), 4);
  verify(of);
});

test("another thread gets the segments, with no new mapping and no page charged twice", () => {
  const { turn, blocks } = alternating(3);
  const one = turn(1);
  for (const pointer of blocks[0]!) free(one, pointer);
  one.heap.relieve();
  const grown = fill(turn(2), BLOCK).length;
  const { turn: without } = alternating(3);
  assert.is(grown, fill(without(2), BLOCK).length + 20, "ten in each of two megabytes");
  verify(turn(1));
  verify(turn(2));
});

test("at the end of the window a large block lies where segments were, and segments where it was", () => {
  const { turn, blocks } = alternating(3);
  const one = turn(1);
  const small = [...blocks[0]!, ...fill(one, BLOCK)];
  assert.is(one.heap.allocate(MIB), 0, "the window is full");
  for (const pointer of small) free(one, pointer);
  const blocks8 = fill(one, 8 * MIB);
  const large = blocks8.filter((pointer) => one.heap.large.sizeOf(pointer) > 0);
  assert.ok(large.length >= 5, `${large.length} blocks, in the range from the break too`);
  verify(one);
  for (const pointer of blocks8) give(one, pointer);
  const again = fill(one, BLOCK).length;
  assert.ok(again > small.length * 0.95, `${again} blocks of ${small.length}`);
  verify(one);
  verify(turn(2));
});

test("a thread that had the whole window gives all of it up but its first chunk", () => {
  const of = fakeHeap();
  const blocks = fill(of, BLOCK);
  assert.ok(blocks.length * BLOCK > 55 * MIB);
  for (const pointer of blocks) free(of, pointer);
  assert.is.not(of.heap.allocate(20 * MIB), 0);
  assert.is(of.heap.large.mappings().length, 1, "it has a mapping of its own");
  const { segments } = of.heap.wilderness;
  const chunks = of.heap.wilderness
    .ownSegments()
    .map((id) => (segments.end(id) - segments.chunkStart(id)) / CHUNK_WORDS);
  assert.equal(
    chunks,
    chunks.map(() => 1),
  );
  assert.ok(chunks.length <= 2);
  verify(of);
  assert.ok(fill(of, BLOCK).length * BLOCK > 30 * MIB);
  verify(of);
});

test("blocks are walked over while their segment is vacated, and unmapped", () => {
  const { turn, blocks } = alternating(8);
  const of = turn(1);
  const id = of.heap.wilderness.ownSegments().at(-2)!;
  const walk = blocksOf(of.heap, id);
  assert.not.ok(walk.next().done);
  for (const pointer of blocks[0]!) free(of, pointer);
  of.heap.relieve();
  assert.is(of.heap.wilderness.segments.owner(id), 0);
  assert.ok(walk.next().done);
});

test("a second free there is refused, and so is one that another thread began before", () => {
  const { turn, blocks } = alternating(3);
  const of = turn(1);
  const pointer = blocks[0]!.at(-12)!;
  for (const freed of blocks[0]!) free(of, freed);
  of.heap.relieve();
  assert.is(of.heap.liveBlockOfAny(pointer), 0);
  assert.match(explainPointer(of.heap, "free", pointer).message, /the memory was given up/);
  const other = turn(2).heap;
  assert.not.ok(other.outbox.put(other.window.blockOf(pointer), 0), "its owner was asked after that");
  assert.not.ok(other.outbox.put(other.window.blockOf(pointer), of.heap.record), "or before");
  turn(1);
  verify(of);
});

test("relieve() says that it made room where no less is charged than before", () => {
  const of = fakeHeap();
  const blocks = Array.from({ length: 200 }, () => allocate(of, BLOCK));
  for (const pointer of blocks) free(of, pointer);
  of.heap.trim();
  const before = record(of, "charged");
  assert.ok(of.heap.relieve());
  assert.is(record(of, "charged"), before);
  assert.not.ok(of.heap.relieve());
});

test("a block that was freed and not sent yet keeps no segment of another thread's", () => {
  const { turn, blocks } = alternating(3);
  const of = turn(1);
  const [middle] = blocks[0]!.splice(Math.floor(blocks[0]!.length / 2), 1);
  free(of, middle!);
  const small: Pointer[] = [];
  do small.push(allocate(of, 5000));
  while (small.at(-1)! < middle! || small.at(-1)! >= middle! + BLOCK);
  const last = small.pop()!;
  for (const pointer of [...blocks[0]!, ...small]) free(of, pointer);
  const other = turn(2).heap;
  assert.ok(other.outbox.put(other.liveBlockOfAny(last), of.heap.record));
  other.relieve();
  turn(1).heap.relieve();
  assert.is(segmentsOf(of), 2);
  verify(of);
});

test("what the wilderness gets again is zero", () => {
  const of = fakeHeap();
  const blocks = Array.from({ length: 200 }, () => allocate(of, BLOCK));
  const bytes = (pointer: Pointer) =>
    new Uint8Array(of.heap.window.buffer, pointer - of.heap.window.base, BLOCK);
  for (const pointer of blocks) bytes(pointer).fill(7);
  for (const pointer of blocks) free(of, pointer);
  of.heap.relieve();
  for (let i = 0; i < 200; i++) {
    const pointer = allocate(of, BLOCK);
    const from = of.heap.wilderness.cleanFrom * 4 - (pointer - of.heap.window.base);
    assert.ok(
      bytes(pointer)
        .subarray(Math.max(0, from))
        .every((byte) => byte === 0),
    );
  }
  verify(of);
});

test("an allocation larger than each segment that is empty finds room where they lie", () => {
  const { turn, blocks } = alternating(12);
  const [one, two] = [turn(1), turn(2)];
  const rest = fill(two, BLOCK);
  turn(1);
  const own = fill(one, BLOCK);
  for (const pointer of [...blocks[0]!, ...own]) free(one, pointer);
  turn(2);
  for (const pointer of [...blocks[1]!, ...rest]) free(two, pointer);
  two.heap.relieve();
  turn(1);
  // 120,000 bytes each, in a row: a segment of its own for each megabyte would waste an eighth of the window.
  const found = fill(one, 120_000).length * 120_000;
  assert.ok(found > 55 * MIB, `${found} bytes`);
  verify(one);
});

test.run();
