/**
 * Segments: chunks from the sbrk range and mapped ones, who owns them, and what becomes of them when the thread that
 * takes them dies with the lock.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  CHUNK_BYTES,
  CHUNK_WORDS,
  CONTROL_CHUNKS,
  Control,
  MAX_SEGMENTS,
  NO_LIMIT,
  OWNERS,
  ownerOfWord,
  Pending,
  SEGMENT_OWNER,
  SEGMENT_WORDS,
  SEGMENTS,
} from "../../src/memory/control.js";
import type { Window } from "../../src/memory/memory.js";
import { entryOf, HEAP_RECORD } from "../../src/shared/heaps.js";
import { noHooks } from "../../src/shared/hooks.js";
import { Lock } from "../../src/shared/lock.js";
import { placeWindow } from "../../src/space/reserve.js";
import { MAX_SEGMENT_CHUNKS, Segments } from "../../src/space/segments.js";
import { isVacant } from "../../src/space/vacant.js";
import { type FakeOptions, FakeOs, MIB, PAGE } from "../support/fake-os.js";

const OWNER = 777_777;
const HEAP = entryOf(0);
const OTHER = entryOf(1);
const NEW = entryOf(2);
/** The first chunk that segments may have. */
const FIRST = CONTROL_CHUNKS;

/** Segments over 64 MiB, of which the break gives `reserve` bytes (8 MiB or more); two heaps have records already. */
function bench(reserve: number, options: FakeOptions = {}) {
  const os = new FakeOs(options);
  const { window, breakChunks } = placeWindow(os, reserve);
  const m = window.words;
  m[Control.pageSize] = PAGE;
  m[Control.nextChunk] = FIRST;
  m[Control.breakChunks] = breakChunks;
  m[Control.nextMapped] = Math.max(FIRST, breakChunks);
  m[Control.limitPages] = NO_LIMIT;
  m[HEAP + HEAP_RECORD] = OWNER;
  m[OTHER + HEAP_RECORD] = OWNER + 1;
  const hooks = noHooks();
  const lock = new Lock(window, os.threads, 1);
  const segments = new Segments(window, os, hooks, lock);
  lock.recoverPending = () => segments.recover();
  return { os, window, m, hooks, segments };
}

/** The control block without the notes that are valid only while something is pending. */
function settled(m: Int32Array): Int32Array {
  return m.slice(0, CONTROL_CHUNKS * CHUNK_WORDS).fill(0, Control.pending + 1, OWNERS);
}

function addressOfChunk(window: Window, chunk: number): number {
  return window.base + chunk * CHUNK_BYTES;
}

function chunkOf(word: number): number {
  return word / CHUNK_WORDS;
}

test("segments follow one another through the range from the break, without a call", () => {
  const { segments, os, m } = bench(8 * MIB);
  assert.is(segments.open(1, HEAP, 0), 0);
  assert.is(segments.open(CHUNK_WORDS + 1, OTHER, 0), 1);
  assert.equal([segments.start(0), segments.end(0)].map(chunkOf), [2, 3]);
  assert.equal([segments.start(1), segments.end(1)].map(chunkOf), [3, 5]);
  assert.equal([segments.owner(0), segments.owner(1)], [OWNER, OWNER + 1]);
  assert.is(segments.count, 2);
  assert.is(m[Control.grows], 2);
  assert.is(os.count("map"), 0);
});

test("each chunk knows its owner, and no other chunk has one", () => {
  const { segments, m } = bench(8 * MIB);
  segments.open(2 * CHUNK_WORDS, HEAP, 0);
  assert.equal(
    [1, 2, 3, 4].map((chunk) => ownerOfWord(m, chunk * CHUNK_WORDS + 12345)),
    [0, OWNER, OWNER, 0],
  );
  assert.is(m[OWNERS + 2], OWNER);
});

test("the first segment of a heap holds its record at the start", () => {
  const { segments, m } = bench(8 * MIB);
  const id = segments.open(CHUNK_WORDS, NEW, 100);
  assert.is(segments.owner(id), segments.chunkStart(id));
  assert.is(m[NEW + HEAP_RECORD], segments.chunkStart(id));
  assert.is(ownerOfWord(m, segments.start(id)), segments.chunkStart(id));
  assert.is(segments.owner(segments.open(1, NEW, 0)), segments.chunkStart(id), "and so do all later ones");
});

test("what goes in front of the first block moves that, not the segment", () => {
  const { segments } = bench(8 * MIB);
  const id = segments.open(CHUNK_WORDS, HEAP, 100);
  assert.is(segments.start(id), FIRST * CHUNK_WORDS + 100);
  assert.is(segments.chunkStart(id), FIRST * CHUNK_WORDS);
  assert.is(segments.end(id), (FIRST + 1) * CHUNK_WORDS);
});

test("when the range is used up chunks are mapped above it, beyond the guard page", () => {
  const { segments, os, window } = bench(8 * MIB);
  segments.open(6 * CHUNK_WORDS, HEAP, 0);
  const id = segments.open(2 * CHUNK_WORDS, HEAP, 0);
  const start = chunkOf(segments.start(id));
  assert.is(start, 9, "chunk 8 holds the guard page");
  assert.ok(os.isMapped(window.base + 9 * CHUNK_BYTES, 2 * CHUNK_BYTES));
  assert.is(segments.open(1, HEAP, 0), 2);
  assert.is(chunkOf(segments.start(2)), 11, "the next one does not look at the same places again");
});

test("a request that the rest of the range cannot hold leaves it to smaller ones", () => {
  const { segments } = bench(8 * MIB);
  const big = segments.open(8 * CHUNK_WORDS, HEAP, 0);
  assert.is(chunkOf(segments.start(big)), 9);
  const small = segments.open(6 * CHUNK_WORDS, HEAP, 0);
  assert.is(chunkOf(segments.start(small)), FIRST);
});

test("without a range from the break everything is mapped, right behind the control block", () => {
  const { segments } = bench(0);
  segments.open(1, HEAP, 0);
  segments.open(1, HEAP, 0);
  assert.equal([chunkOf(segments.start(0)), chunkOf(segments.start(1))], [2, 3]);
});

test("what others mapped in the window is stepped over", () => {
  const { segments, os, window } = bench(0);
  os.map(window.base + 4 * CHUNK_BYTES, PAGE);
  assert.is(chunkOf(segments.start(segments.open(4 * CHUNK_WORDS, HEAP, 0))), 5);
});

test("nothing is registered when no place is left", () => {
  const { segments, os, m } = bench(0);
  const before = settled(m);
  assert.is(segments.open(64 * CHUNK_WORDS, HEAP, 0), -1, "larger than the window");
  os.refused.add("map");
  assert.is(segments.open(1, HEAP, 0), -1, "refused by the kernel");
  assert.is(m[Control.pending], Pending.nothing);
  assert.equal(settled(m), before);
});

test("a segment is at most MAX_SEGMENT_CHUNKS long, and the table has an end", () => {
  const { segments, os, m } = bench(0);
  assert.is(segments.open(MAX_SEGMENT_CHUNKS * CHUNK_WORDS + 1, HEAP, 0), -1);
  m[Control.segments] = MAX_SEGMENTS;
  for (let id = 0; id < MAX_SEGMENTS; id++) m[SEGMENTS + id * SEGMENT_WORDS + SEGMENT_OWNER] = OWNER;
  assert.is(segments.open(1, HEAP, 0), -1);
  assert.is(os.count("map"), 1, "neither asked for memory: only the control block did");
});

test("a segment grows over the next chunks of the range", () => {
  const { segments, m } = bench(8 * MIB);
  const id = segments.open(1, HEAP, 0);
  assert.ok(segments.extend(id, 4 * CHUNK_WORDS + 1));
  assert.is(chunkOf(segments.end(id)), 5);
  assert.equal(
    [3, 4, 5].map((chunk) => m[OWNERS + chunk]),
    [OWNER, OWNER, 0],
  );
  assert.is(m[Control.grows], 2);
  assert.is(chunkOf(segments.start(segments.open(1, HEAP, 0))), 5, "they are taken");
});

test("a segment does not grow over another, out of the range or over the guard page", () => {
  const { segments } = bench(8 * MIB);
  const first = segments.open(1, HEAP, 0);
  const second = segments.open(1, HEAP, 0);
  assert.not.ok(segments.extend(first, 3 * CHUNK_WORDS + 1), "another segment");
  assert.not.ok(segments.extend(second, 8 * CHUNK_WORDS + 1), "more than the range has");
  assert.ok(segments.extend(second, 8 * CHUNK_WORDS));
  assert.not.ok(segments.extend(second, 8 * CHUNK_WORDS + 1), "the guard page");
  assert.is(chunkOf(segments.end(first)), 3);
  assert.is(chunkOf(segments.end(second)), 8);
});

test("the last mapped segment grows by mapping more, up to the end of the window", () => {
  const { segments, os } = bench(0);
  const id = segments.open(1, HEAP, 0);
  assert.ok(segments.extend(id, 64 * CHUNK_WORDS));
  assert.not.ok(segments.extend(id, 64 * CHUNK_WORDS + 1));
  assert.is(os.count("map"), 3, "the control block, the segment, its extension");
});

test("a mapped segment does not grow where the kernel refuses", () => {
  const { segments, os } = bench(0);
  const id = segments.open(1, HEAP, 0);
  os.refused.add("map");
  assert.not.ok(segments.extend(id, 4 * CHUNK_WORDS));
  assert.is(chunkOf(segments.end(id)), 3);
});

test("no segment grows beyond the longest", () => {
  const { segments, m } = bench(0);
  const id = segments.open(1, HEAP, 0);
  assert.not.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + FIRST) * CHUNK_WORDS + 1));
  m[Control.breakChunks] = 2000; // a range that would have room
  m[Control.nextChunk] = 3;
  assert.not.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + FIRST) * CHUNK_WORDS + 1));
  assert.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + FIRST) * CHUNK_WORDS));
});

test("a tracer hears of every growth", () => {
  const { segments, hooks, window } = bench(8 * MIB);
  const heard: Array<readonly [string, number, number]> = [];
  hooks.trace = (step, address, size) => heard.push([step, address, size]);
  const id = segments.open(1, HEAP, 0);
  segments.extend(id, 4 * CHUNK_WORDS);
  assert.equal(heard, [
    ["grow", window.base + 2 * CHUNK_BYTES, CHUNK_BYTES],
    ["grow", window.base + 3 * CHUNK_BYTES, CHUNK_BYTES],
  ]);
});

test("chunks below a segment that had to lie higher are used when they are free again", () => {
  const { os, window, m, segments } = bench(0);
  const below = m[Control.nextMapped]!;
  // Somebody else has every second chunk.
  const taken = Array.from({ length: 10 }, (_, i) => addressOfChunk(window, below + 1 + 2 * i));
  for (const address of taken) assert.is(os.map(address, CHUNK_BYTES), address);
  const high = segments.open(4 * CHUNK_WORDS, HEAP, 0);
  assert.ok(chunkOf(segments.start(high)) >= below + 20, "the first run of four");
  for (const address of taken) os.unmap(address, CHUNK_BYTES);
  const low = segments.open(3 * CHUNK_WORDS, OTHER, 0);
  assert.is(chunkOf(segments.start(low)), below);
  assert.ok(segments.extend(low, segments.end(low) + CHUNK_WORDS), "and what lies above it");
  const last = segments.open(16 * CHUNK_WORDS, OTHER, 0);
  assert.is(chunkOf(segments.start(last)), below + 4, "up to the one that lies higher");
  assert.not.ok(segments.extend(last, segments.end(last) + 2 * CHUNK_WORDS), "but never into it");
});

/** Three segments of two chunks, the one in the middle vacated after words in all of its pages were written. */
function vacated(reserve: number) {
  const of = bench(reserve);
  const { segments, m } = of;
  const ids = [HEAP, HEAP, OTHER].map((heap) => segments.open(2 * CHUNK_WORDS, heap, 0));
  assert.equal(ids, [0, 1, 2]);
  const [start, end] = [segments.start(1), segments.end(1)];
  m.fill(7, start, end);
  segments.vacate(1, segments.chunkStart(1));
  return { ...of, start, end };
}

test("a vacated segment's chunks have no owner, and are zero", () => {
  const { segments, m, start, end } = vacated(16 * MIB);
  assert.is(segments.owner(1), 0);
  assert.equal(
    [chunkOf(start) - 1, chunkOf(start), chunkOf(start) + 1, chunkOf(end)].map((chunk) => m[OWNERS + chunk]),
    [OWNER, 0, 0, OWNER + 1],
  );
  assert.ok(m.subarray(start, end).every((word) => word === 0));
});

for (const [where, reserve] of [
  ["of the range from the break", 16 * MIB],
  ["that were mapped", 0],
] as const) {
  test(`the next segments of any heap get vacant chunks ${where} first, and the free number`, () => {
    const { segments, os, m, start } = vacated(reserve);
    const [maps, next] = [os.count("map"), m[Control.nextChunk]];
    const id = segments.open(1, OTHER, 0);
    assert.is(id, 1);
    assert.is(segments.start(id), start);
    assert.is(segments.owner(id), OWNER + 1);
    const last = segments.open(CHUNK_WORDS, HEAP, 0);
    assert.is(last, 3);
    assert.is(segments.start(last), start + CHUNK_WORDS);
    assert.is(os.count("map"), maps, "they are mapped still");
    assert.is(m[Control.nextChunk], next);
    assert.is(segments.start(segments.open(1, HEAP, 0)), segments.end(2), "then there are none left");
  });

  test(`a segment grows over vacant chunks ${where}, and on from them`, () => {
    const { segments, end } = vacated(reserve);
    assert.ok(segments.extend(0, end - CHUNK_WORDS));
    assert.not.ok(segments.extend(0, end + 1), "the next segment");
    assert.ok(segments.extend(0, end));
    assert.is(segments.end(0), end);
    segments.vacate(2, segments.chunkStart(2));
    assert.ok(segments.extend(0, end + 4 * CHUNK_WORDS), "two that were vacant, two that are new");
    assert.is(segments.end(0), end + 4 * CHUNK_WORDS);
    assert.is(segments.open(1, HEAP, 0), 1);
    assert.is(segments.start(1), end + 4 * CHUNK_WORDS);
  });
}

test("a segment that is larger than all vacant runs gets one, and what is missing is mapped", () => {
  const { segments, os, m, window, start } = vacated(0);
  segments.vacate(2, segments.chunkStart(2));
  const first = chunkOf(start);
  for (let chunk = first + 5; chunk < 64; chunk++) os.map(addressOfChunk(window, chunk), CHUNK_BYTES);
  const id = segments.open(5 * CHUNK_WORDS, HEAP, 0);
  assert.is(segments.start(id), start);
  assert.ok(os.isMapped(addressOfChunk(window, first), 5 * CHUNK_BYTES));
  assert.equal(
    [4, 5].map((chunk) => m[OWNERS + first + chunk]),
    [OWNER, 0],
  );
});

test("what was mapped for a segment that then found no room is vacant", () => {
  const { segments, os, m, window, end } = vacated(0);
  const above = chunkOf(end) + 2; // above the last segment
  const last = segments.open(1, HEAP, 0);
  segments.vacate(last, segments.chunkStart(last));
  const next = segments.open(1, HEAP, 0);
  assert.is(next, last);
  for (let chunk = above + 2; chunk < 64; chunk++) os.map(addressOfChunk(window, chunk), CHUNK_BYTES);
  assert.is(segments.open(5 * CHUNK_WORDS, HEAP, 0), -1);
  for (let chunk = 0; chunk < 64; chunk++) {
    if (isVacant(m, chunk)) assert.ok(os.isMapped(addressOfChunk(window, chunk), CHUNK_BYTES));
  }
});

test("memory of segments is never unmapped", () => {
  const { segments, os, window, start } = vacated(0);
  segments.vacate(0, segments.chunkStart(0));
  segments.vacate(2, segments.chunkStart(2));
  assert.is(os.count("unmap"), 0);
  assert.ok(os.isMapped(addressOfChunk(window, chunkOf(start) - 2), 6 * CHUNK_BYTES));
  assert.is(segments.start(segments.open(6 * CHUNK_WORDS, OTHER, 0)), start - 2 * CHUNK_WORDS);
});

test("pages that the kernel does not take, since they are locked in memory, are cleared by stores", () => {
  const { segments, os, m } = bench(8 * MIB);
  segments.open(1, HEAP, 0);
  const id = segments.open(1, HEAP, 0);
  m.fill(7, segments.start(id), segments.end(id));
  os.refused.add("discard");
  segments.vacate(id, segments.chunkStart(id));
  assert.is(segments.open(1, OTHER, 0), id);
  assert.ok(m.subarray(segments.start(id), segments.end(id)).every((word) => word === 0));
});

test("a tracer hears of a segment that is vacated", () => {
  const { segments, hooks, window } = bench(8 * MIB);
  const id = segments.open(2 * CHUNK_WORDS, HEAP, 0);
  const heard: Array<readonly [string, number, number]> = [];
  hooks.trace = (step, address, size) => heard.push([step, address, size]);
  segments.vacate(id, segments.chunkStart(id));
  assert.equal(heard, [["shrink", addressOfChunk(window, FIRST), 2 * CHUNK_BYTES]]);
});

test.run();
