/**
 * The control block and the heap record: no word has two meanings, and every table has its place.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BINS_WORDS, findFit } from "../../src/block/bins.js";
import { CACHE_WORDS, pop } from "../../src/heap/cache.js";
import { binsOf, cacheOf, initializeIndex, RECORD_WORDS, Rec, smallBinsOf } from "../../src/heap/record.js";
import { popSmallest, SMALL_BINS_WORDS } from "../../src/heap/small-bins.js";
import {
  CHUNK_BYTES,
  CHUNK_WORDS,
  CHUNKS,
  CLOSED_LISTS,
  CLOSED_WORDS,
  CONTROL_BYTES,
  Control,
  HEAP_WORDS,
  HEAPS,
  isOwned,
  MAPPING_ENTRIES,
  MAPPING_WORDS,
  MAPPINGS,
  MAX_HEAPS,
  MAX_SEGMENTS,
  MAX_WAITERS,
  OWNERS,
  ownerOfWord,
  PAGES,
  SEGMENT_WORDS,
  SEGMENTS,
  WAITER_WORDS,
  WAITERS,
} from "../../src/memory/control.js";
import { SMALL_LIMIT, WORD_BYTES, ZONE_LIMIT } from "../../src/memory/memory.js";

test("every named word of the control block has an index of its own, below the tables", () => {
  const indices = Object.entries(Control).flatMap(([name, index]) =>
    name === "CHURN_SCORES" ? [] : [index],
  );
  assert.is(new Set(indices).size, indices.length);
  for (const index of indices) assert.ok(index >= 0 && index < OWNERS);
});

test("the tables lie one after the other within the chunks of the control block", () => {
  assert.ok(OWNERS + CHUNKS <= WAITERS, "owners");
  assert.ok(WAITERS + MAX_WAITERS * WAITER_WORDS <= SEGMENTS, "waiters");
  assert.ok(SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS <= HEAPS, "segments");
  assert.ok(HEAPS + MAX_HEAPS * HEAP_WORDS <= MAPPINGS, "heaps");
  assert.is(MAPPING_WORDS, 2 * MAPPING_ENTRIES);
  assert.ok(MAPPINGS + 2 * MAPPING_WORDS <= CLOSED_LISTS, "both tables of mappings");
  assert.ok(CLOSED_LISTS + CLOSED_WORDS <= PAGES, "closed lists");
  assert.ok(PAGES * WORD_BYTES + SMALL_LIMIT / 4096 <= CONTROL_BYTES, "a byte for each page below 2 GiB");
  assert.is(CHUNKS * CHUNK_BYTES, ZONE_LIMIT, "every chunk of the zone has an owner's word");
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

test("every named word of a record has an index of its own, below the outbox and the cache", () => {
  const { outbox, cache, ...words } = Rec;
  const indices = Object.values(words);
  assert.is(new Set(indices).size, indices.length);
  for (const index of indices) assert.ok(index >= 0 && index < outbox);
  assert.ok(outbox < cache);
  assert.is(cacheOf(0), cache);
});

test("in a record the cache is aligned, and nothing overlaps", () => {
  assert.is(cacheOf(CHUNK_WORDS) % 64, 0);
  assert.ok(cacheOf(0) + CACHE_WORDS <= smallBinsOf(0));
  assert.ok(smallBinsOf(0) + SMALL_BINS_WORDS <= binsOf(0));
  assert.is(binsOf(0) + BINS_WORDS, RECORD_WORDS);
});

test("making an index writes from the cache to the record's end, and the counts that go with it, alone", () => {
  const at = 4096;
  const m = new Int32Array(at + RECORD_WORDS + 64);
  m.fill(-1);
  initializeIndex(m, at);
  for (const word of [Rec.victim, Rec.uncoalescable, Rec.freeBlocks, Rec.freeUnits, Rec.purgedPages]) {
    assert.is(m[at + word], 0, "what is counted of the lists is forgotten with them");
    m[at + word] = -1;
  }
  assert.ok(m.subarray(0, cacheOf(at)).every((word) => word === -1));
  assert.ok(m.subarray(at + RECORD_WORDS).every((word) => word === -1));
  assert.is(pop(m, cacheOf(at), 2, at), 0);
  assert.is(popSmallest(m, smallBinsOf(at), 2, at), 0);
  assert.is(findFit(m, binsOf(at), 2048, at), 0);
});

test.run();
