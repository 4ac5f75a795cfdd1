/**
 * The full check finds every contradiction in what is derived from headers: bins, bitmap, cache, counts, owners.
 */
import { test } from "uvu";
import { binOf } from "../../src/core/bins.js";
import { SPILLED, SPILLED_SIZES } from "../../src/core/cache.js";
import {
  Control,
  OWNERS,
  SEGMENT_END,
  SEGMENT_OWNER,
  SEGMENT_START,
  SEGMENT_WORDS,
  SEGMENTS,
} from "../../src/core/control.js";
import { binsOf, cacheOf, Rec } from "../../src/core/record.js";
import { ceiling, type FakeHeap, record } from "../support/fake-heap.js";
import { FREE_BYTES, finds, type Scene } from "./scene.js";

const UNITS = 13; // of a block for 200 bytes

/** The word of the record with that name, moved by `by`. */
function counted(name: keyof typeof Rec, by = 1): (at: Scene) => readonly number[] {
  return ({ of }) => [of.heap.record + Rec[name], record(of, name) + by];
}

function controlled(name: keyof typeof Control, by = 1): (at: Scene) => readonly number[] {
  return ({ of }) => [Control[name], of.m[Control[name]]! + by];
}

finds(
  "a link of a free block that ends its bin early",
  ({ free }) => [free + 2, 0],
  /links of the free block/,
);
finds("a bin's head that leads to a live block", headToLive, /links of the free block|no free block/);
finds("a bin's head that leads outside the heap", headOutside, /outside the heap/);
finds("a bin that lost its block", lostBlock, /number of blocks in bins|bitmap/);
finds("the bitmap's bit of a filled bin cleared", bitCleared, /bitmap says that bin .* is empty/);
finds("the bitmap's bit of an empty bin set", bitSet, /bitmap says that bin .* is filled/);
finds("the summary's bit cleared", ({ of }) => [binsOf(of.heap.record), 0], /bitmap says/);
finds("a cache entry that is no block", ({ of }) => [cacheEntry(of), of.heap.record], /no cached block/);
finds("a cache entry that is a live block", ({ of, live }) => [cacheEntry(of), live], /no cached block/);
finds("a cache entry outside the heap", ({ of }) => [cacheEntry(of), -4], /no cached block/);
finds("a cached block that is in a stack twice", twiceInStack, /one block twice/);
finds("a cached block that is in a bundle twice", twiceInBundle, /one block twice/);
finds("a stack's top lowered", topLowered, /number of cached blocks/);
finds("a list of spilled blocks lost", listLost, /spilled blocks|cached blocks/);
finds("a wrong count of such lists", listMiscounted, /sizes with spilled blocks is 0 where 1 was found/);
const COUNTS = [
  "blocks",
  "closedUnits",
  "freeBlocks",
  "freeUnits",
  "gonePages",
  "spilledBlocks",
  "spilledUnits",
] as const;
for (const name of COUNTS) {
  finds(`a wrong count of ${name}`, counted(name), /is \d+ where \d+ was found/);
  finds(`a count of ${name} one too low`, counted(name, -1), /is -?\d+ where \d+ was found/);
}
finds("the wilderness' top above what is charged", counted("commit", -1_000_000), /out of order/);
finds("the mark of what was touched above what is charged", counted("high", 10_000_000), /out of order/);
finds("the charge above the segment's end", counted("commit", 10_000_000), /out of order|pages charged/);
finds("pages charged that nothing accounts for", counted("charged"), /pages charged/);
finds("a wrong count of large blocks", controlled("largeCount"), /\d+ blocks were found where \d+ are noted/);
finds(
  "a wrong sum of large blocks' pages",
  controlled("largePages"),
  /\d+ pages were found where \d+ are noted/,
);
finds("a wrong sum of what is in front of payloads", controlled("largeFront"), /front were found where/);
finds("a chunk without an owner", () => [OWNERS + 3, 0], /chunk 3 of segment 0 has the owner 0/);
finds(
  "a chunk with another owner",
  ({ of }) => [OWNERS + 3, of.heap.record + 4],
  /chunk 3 of segment 0 has the owner/,
);
finds("segments that lie over each other", overlapping, /chunk \d+ is in the segments 0 and 2/);
finds(
  "an owner of a chunk that is in no segment",
  ({ of }) => [OWNERS + 4000, of.heap.record],
  /chunk 4000 has the owner \d+, and is in no segment/,
);

/** Another heap's entry for the address space of the first segment. */
function overlapping({ of }: Scene): readonly number[] {
  const third = SEGMENTS + 2 * SEGMENT_WORDS;
  return [
    third + SEGMENT_START,
    of.m[SEGMENTS + SEGMENT_START]!,
    third + SEGMENT_END,
    of.m[SEGMENTS + SEGMENT_END]!,
    third + SEGMENT_OWNER,
    12345,
    Control.segments,
    3,
  ];
}

function headWord(of: FakeHeap): number {
  return binsOf(of.heap.record) + 16 + 2 * binOf(FREE_BYTES);
}

function headToLive({ of, live }: Scene): readonly number[] {
  return [headWord(of), live];
}

function headOutside({ of }: Scene): readonly number[] {
  return [headWord(of), ceiling(of) + 2];
}

function lostBlock({ of }: Scene): readonly number[] {
  return [headWord(of), headWord(of) - 2];
}

function bitCleared({ of }: Scene): readonly number[] {
  const word = binsOf(of.heap.record) + 1 + (binOf(FREE_BYTES) >>> 5);
  return [word, of.m[word]! & ~(1 << (binOf(FREE_BYTES) & 31))];
}

function bitSet({ of }: Scene): readonly number[] {
  const word = binsOf(of.heap.record) + 1 + (binOf(FREE_BYTES) >>> 5);
  return [word, of.m[word]! | (1 << ((binOf(FREE_BYTES) + 1) & 31))];
}

function cacheEntry(of: FakeHeap): number {
  return of.m[cacheOf(of.heap.record) + UNITS]! - 1;
}

function twiceInStack({ of }: Scene): readonly number[] {
  const entry = cacheEntry(of);
  return [entry, of.m[entry - 1]!];
}

function twiceInBundle({ of }: Scene): readonly number[] {
  const carried = of.m[cacheOf(of.heap.record) + SPILLED + UNITS]! + 4;
  return [carried, of.m[carried + 1]!];
}

function topLowered({ of }: Scene): readonly number[] {
  const word = cacheOf(of.heap.record) + UNITS;
  return [word, of.m[word]! - 1];
}

function listMiscounted({ of }: Scene): readonly number[] {
  return [cacheOf(of.heap.record) + SPILLED_SIZES, 0];
}

function listLost({ of }: Scene): readonly number[] {
  return [cacheOf(of.heap.record) + SPILLED + UNITS, 0];
}

test.run();
