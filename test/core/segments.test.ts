/**
 * Segments: chunks from the sbrk range and mapped ones, who owns them, and the account of pages.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES, CHUNK_WORDS, Control, MAX_SEGMENTS, NO_LIMIT, OWNERS } from "../../src/core/control.js";
import type { Hooks } from "../../src/core/hooks.js";
import { placeWindow } from "../../src/core/reserve.js";
import { MAX_SEGMENT_CHUNKS, ownerOf, Segments } from "../../src/core/segments.js";
import { type FakeOptions, FakeOs, MIB, PAGE } from "../support/fake-os.js";

const OWNER = 777_777;

/** Segments over 64 MiB, of which the break gives `reserve` bytes (8 MiB or more). */
function bench(reserve: number, options: FakeOptions = {}) {
  const os = new FakeOs(options);
  const { window, breakChunks } = placeWindow(os, reserve);
  const m = window.words;
  m[Control.pageSize] = PAGE;
  m[Control.nextChunk] = 1;
  m[Control.breakChunks] = breakChunks;
  m[Control.nextMapped] = Math.max(1, breakChunks);
  m[Control.limitPages] = NO_LIMIT;
  const hooks: Hooks = { trace: null, settle: null };
  return { os, window, m, hooks, segments: new Segments(window, os, hooks) };
}

function chunkOf(word: number): number {
  return word / CHUNK_WORDS;
}

test("segments follow one another through the range from the break, without a call", () => {
  const { segments, os, m } = bench(8 * MIB);
  assert.is(segments.open(1, OWNER), 0);
  assert.is(segments.open(CHUNK_WORDS + 1, OWNER + 1), 1);
  assert.equal([segments.start(0), segments.end(0)].map(chunkOf), [1, 2]);
  assert.equal([segments.start(1), segments.end(1)].map(chunkOf), [2, 4]);
  assert.equal([segments.owner(0), segments.owner(1)], [OWNER, OWNER + 1]);
  assert.is(segments.count, 2);
  assert.is(m[Control.grows], 2);
  assert.is(os.count("map"), 0);
});

test("each chunk knows its owner, and no other chunk has one", () => {
  const { segments, m } = bench(8 * MIB);
  segments.open(2 * CHUNK_WORDS, OWNER);
  assert.equal(
    [0, 1, 2, 3].map((chunk) => ownerOf(m, chunk * CHUNK_BYTES + 12345)),
    [0, OWNER, OWNER, 0],
  );
  assert.is(m[OWNERS + 1], OWNER);
});

test("a segment without an owner belongs to the record at its start", () => {
  const { segments, m } = bench(8 * MIB);
  const id = segments.open(CHUNK_WORDS, 0);
  assert.is(segments.owner(id), segments.start(id));
  assert.is(ownerOf(m, segments.start(id) * 4), segments.start(id));
});

test("setStart moves the first block, not the segment", () => {
  const { segments } = bench(8 * MIB);
  const id = segments.open(CHUNK_WORDS, OWNER);
  segments.setStart(id, CHUNK_WORDS + 100);
  assert.is(segments.start(id), CHUNK_WORDS + 100);
  assert.is(segments.end(id), 2 * CHUNK_WORDS);
});

test("when the range is used up chunks are mapped above it, beyond the guard page", () => {
  const { segments, os, window } = bench(8 * MIB);
  segments.open(7 * CHUNK_WORDS, OWNER);
  const id = segments.open(2 * CHUNK_WORDS, OWNER);
  const start = chunkOf(segments.start(id));
  assert.is(start, 9, "chunk 8 holds the guard page");
  assert.ok(os.isMapped(window.base + 9 * CHUNK_BYTES, 2 * CHUNK_BYTES));
  assert.is(segments.open(1, OWNER), 2);
  assert.is(chunkOf(segments.start(2)), 11, "the next one does not look at the same places again");
});

test("a request that the rest of the range cannot hold leaves it to smaller ones", () => {
  const { segments } = bench(8 * MIB);
  const big = segments.open(8 * CHUNK_WORDS, OWNER);
  assert.is(chunkOf(segments.start(big)), 9);
  const small = segments.open(7 * CHUNK_WORDS, OWNER);
  assert.is(chunkOf(segments.start(small)), 1);
});

test("without a range from the break everything is mapped, right behind the control block", () => {
  const { segments } = bench(0);
  segments.open(1, OWNER);
  segments.open(1, OWNER);
  assert.equal([chunkOf(segments.start(0)), chunkOf(segments.start(1))], [1, 2]);
});

test("what others mapped in the window is stepped over", () => {
  const { segments, os, window } = bench(0);
  os.map(window.base + 3 * CHUNK_BYTES, PAGE);
  assert.is(chunkOf(segments.start(segments.open(4 * CHUNK_WORDS, OWNER))), 4);
});

test("nothing is registered when no place is left", () => {
  const { segments, os, m } = bench(0);
  const before = m.slice(0, CHUNK_WORDS);
  assert.is(segments.open(64 * CHUNK_WORDS, OWNER), -1, "larger than the window");
  os.refused.add("map");
  assert.is(segments.open(1, OWNER), -1, "refused by the kernel");
  assert.equal(m.slice(0, CHUNK_WORDS), before);
});

test("a segment is at most MAX_SEGMENT_CHUNKS long, and the table has an end", () => {
  const { segments, os, m } = bench(0);
  assert.is(segments.open(MAX_SEGMENT_CHUNKS * CHUNK_WORDS + 1, OWNER), -1);
  m[Control.segments] = MAX_SEGMENTS;
  assert.is(segments.open(1, OWNER), -1);
  assert.is(os.count("map"), 1, "neither asked for memory: only the control block did");
});

test("a segment grows over the next chunks of the range", () => {
  const { segments, m } = bench(8 * MIB);
  const id = segments.open(1, OWNER);
  assert.ok(segments.extend(id, 3 * CHUNK_WORDS + 1));
  assert.is(chunkOf(segments.end(id)), 4);
  assert.equal(
    [2, 3, 4].map((chunk) => m[OWNERS + chunk]),
    [OWNER, OWNER, 0],
  );
  assert.is(m[Control.grows], 2);
  assert.is(chunkOf(segments.start(segments.open(1, OWNER))), 4, "they are taken");
});

test("a segment does not grow over another, out of the range or over the guard page", () => {
  const { segments } = bench(8 * MIB);
  const first = segments.open(1, OWNER);
  const second = segments.open(1, OWNER);
  assert.not.ok(segments.extend(first, 2 * CHUNK_WORDS + 1), "another segment");
  assert.not.ok(segments.extend(second, 8 * CHUNK_WORDS + 1), "more than the range has");
  assert.ok(segments.extend(second, 8 * CHUNK_WORDS));
  assert.not.ok(segments.extend(second, 8 * CHUNK_WORDS + 1), "the guard page");
  assert.is(chunkOf(segments.end(first)), 2);
  assert.is(chunkOf(segments.end(second)), 8);
});

test("the last mapped segment grows by mapping more, up to the end of the window", () => {
  const { segments, os } = bench(0);
  const id = segments.open(1, OWNER);
  assert.ok(segments.extend(id, 64 * CHUNK_WORDS));
  assert.not.ok(segments.extend(id, 64 * CHUNK_WORDS + 1));
  assert.is(os.count("map"), 3, "the control block, the segment, its extension");
});

test("a mapped segment does not grow where the kernel refuses", () => {
  const { segments, os } = bench(0);
  const id = segments.open(1, OWNER);
  os.refused.add("map");
  assert.not.ok(segments.extend(id, 3 * CHUNK_WORDS));
  assert.is(chunkOf(segments.end(id)), 2);
});

test("no segment grows beyond the longest", () => {
  const { segments, m } = bench(0);
  const id = segments.open(1, OWNER);
  assert.not.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + 1) * CHUNK_WORDS + 1));
  m[Control.breakChunks] = 2000; // a range that would have room
  m[Control.nextChunk] = 2;
  assert.not.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + 1) * CHUNK_WORDS + 1));
  assert.ok(segments.extend(id, (MAX_SEGMENT_CHUNKS + 1) * CHUNK_WORDS));
});

test("pages are charged up to the limit, and a refusal changes nothing", () => {
  const { segments, m } = bench(0);
  m[Control.limitPages] = 10;
  assert.ok(segments.charge(7));
  assert.ok(segments.affords(3) && !segments.affords(4));
  assert.not.ok(segments.charge(4));
  assert.is(m[Control.chargedPages], 7);
  assert.ok(segments.charge(3));
  segments.recharge(2);
  assert.is(m[Control.chargedPages], 12, "the caller knows that there is room");
});

test("the peak is the highest footprint before a fall, without what was never touched", () => {
  const { segments, m } = bench(0);
  segments.charge(20);
  segments.discharge(5, 3);
  assert.is(m[Control.peakPages], 17);
  segments.charge(1);
  segments.discharge(10, 0);
  assert.is(m[Control.peakPages], 17);
  segments.charge(20);
  segments.notePeak(1);
  assert.is(m[Control.peakPages], 25);
});

test("a tracer hears of every growth", () => {
  const { segments, hooks, window } = bench(8 * MIB);
  const heard: Array<readonly [string, number, number]> = [];
  hooks.trace = (step, address, size) => heard.push([step, address, size]);
  const id = segments.open(1, OWNER);
  segments.extend(id, 4 * CHUNK_WORDS);
  assert.equal(heard, [
    ["grow", window.base + CHUNK_BYTES, CHUNK_BYTES],
    ["grow", window.base + 2 * CHUNK_BYTES, 2 * CHUNK_BYTES],
  ]);
});

test.run();
