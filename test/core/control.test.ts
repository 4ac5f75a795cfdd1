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
  CONTROL_CHUNKS,
  Control,
  HEAP_WORDS,
  HEAPS,
  isOwned,
  MAPPING_ENTRIES,
  MAPPING_WORDS,
  MAPPINGS,
  MAX_HEAPS,
  MAX_SEGMENTS,
  OWNERS,
  ownerOfWord,
  SEGMENT_WORDS,
  SEGMENTS,
} from "../../src/core/control.js";
import { ZONE_LIMIT } from "../../src/core/memory.js";
import { binsOf, cacheOf, initializeIndex, RECORD_WORDS, Rec } from "../../src/core/record.js";

test("every named word of the control block has an index of its own, below the tables", () => {
  const indices = Object.values(Control);
  assert.is(new Set(indices).size, indices.length);
  for (const index of indices) assert.ok(index >= 0 && index < OWNERS);
});

test("the tables lie one after the other within the chunks of the control block", () => {
  assert.ok(OWNERS + CHUNKS <= SEGMENTS, "owners");
  assert.ok(SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS <= HEAPS, "segments");
  assert.ok(HEAPS + MAX_HEAPS * HEAP_WORDS <= MAPPINGS, "heaps");
  assert.is(MAPPING_WORDS, 2 * MAPPING_ENTRIES);
  assert.ok(MAPPINGS + 2 * MAPPING_WORDS <= CONTROL_CHUNKS * CHUNK_WORDS, "both tables of mappings");
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
  assert.equal(
    [3 * CHUNK_WORDS - 1, 3 * CHUNK_WORDS, 4 * CHUNK_WORDS].map((word) => ownerOfWord(m, word)),
    [0, 77, 0],
  );
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

test("making an index writes from the cache to the record's end alone", () => {
  const at = 4096;
  const m = new Int32Array(at + RECORD_WORDS + 64);
  m.fill(-1);
  initializeIndex(m, at);
  assert.ok(m.subarray(0, cacheOf(at)).every((word) => word === -1));
  assert.ok(m.subarray(at + RECORD_WORDS).every((word) => word === -1));
  assert.is(pop(m, cacheOf(at), 2), 0);
  assert.is(pop(m, closedTops(cacheOf(at)), 2), 0);
});

test.run();
