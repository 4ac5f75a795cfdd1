/**
 * The control block and the heap record: no word has two meanings, and every table has its place.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BINS_WORDS } from "../../src/core/bins.js";
import { CACHE_WORDS, closedTops, pop } from "../../src/core/cache.js";
import {
  CHUNK_BYTES,
  CHUNK_WORDS,
  CHUNKS,
  Control,
  isOwned,
  MAPPING_ENTRIES,
  MAPPINGS,
  MAX_SEGMENTS,
  OWNERS,
  SEGMENT_WORDS,
  SEGMENTS,
} from "../../src/core/control.js";
import { ZONE_LIMIT } from "../../src/core/memory.js";
import { binsOf, cacheOf, initializeRecord, RECORD_WORDS, Rec } from "../../src/core/record.js";

test("every named word of the control block has an index of its own, below the tables", () => {
  const indices = Object.values(Control);
  assert.is(new Set(indices).size, indices.length);
  for (const index of indices) assert.ok(index >= 0 && index < OWNERS);
});

test("the tables lie one after the other within the first chunk", () => {
  assert.ok(OWNERS + CHUNKS <= SEGMENTS, "owners");
  assert.ok(SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS <= MAPPINGS, "segments");
  assert.ok(MAPPINGS + 2 * MAPPING_ENTRIES <= CHUNK_WORDS, "mappings");
  assert.is(CHUNKS * CHUNK_BYTES, ZONE_LIMIT, "every chunk of the zone has an owner's word");
  assert.ok(Number.isInteger(Math.log2(MAPPING_ENTRIES)), "slots are found with a mask");
});

test("a word is owned by the heap that has its chunk, and no number outside the zone by any", () => {
  const m = new Int32Array(SEGMENTS);
  m[OWNERS + 3] = 77;
  assert.ok(isOwned(m, 3 * CHUNK_WORDS, 77));
  assert.ok(isOwned(m, 4 * CHUNK_WORDS - 1, 77));
  assert.not.ok(isOwned(m, 3 * CHUNK_WORDS - 1, 77));
  assert.not.ok(isOwned(m, 4 * CHUNK_WORDS, 77));
  assert.not.ok(isOwned(m, 3 * CHUNK_WORDS, 78));
  m.fill(77);
  for (const word of [ZONE_LIMIT / 4, 2 ** 31 - 1, -(2 ** 31), -4])
    assert.not.ok(isOwned(m, word, 77), String(word));
});

test("every named word of a record has an index of its own, below the cache", () => {
  const indices = Object.values(Rec);
  assert.is(new Set(indices).size, indices.length);
  for (const index of indices) assert.ok(index >= 0 && index < cacheOf(0));
});

test("in a record the cache is aligned, and nothing overlaps", () => {
  assert.is(cacheOf(CHUNK_WORDS) % 64, 0);
  assert.ok(cacheOf(0) + CACHE_WORDS <= binsOf(0));
  assert.is(binsOf(0) + BINS_WORDS, RECORD_WORDS);
});

test("making a record writes inside it alone, and leaves an empty heap's counts", () => {
  const at = 4096;
  const m = new Int32Array(at + RECORD_WORDS + 64);
  m.fill(-1, 0, at);
  m.fill(-1, at + RECORD_WORDS);
  initializeRecord(m, at);
  assert.ok(m.subarray(0, at).every((word) => word === -1));
  assert.ok(m.subarray(at + RECORD_WORDS).every((word) => word === -1));
  assert.ok(m.subarray(at, cacheOf(at)).every((word) => word === 0));
  assert.is(pop(m, cacheOf(at), 2), 0);
  assert.is(pop(m, closedTops(cacheOf(at)), 2), 0);
});

test.run();
