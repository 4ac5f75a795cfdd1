/**
 * The full check finds every contradiction in what is derived from headers: bins, bitmap, cache, counts, owners.
 */
import { test } from "uvu";
import { binOf } from "../../src/block/bins.js";
import { linkOf } from "../../src/block/block.js";
import { headOf, LEFT } from "../../src/heap/cache.js";
import { binsOf, Rec } from "../../src/heap/record.js";
import {
  Control,
  OWNERS,
  SEGMENT_END,
  SEGMENT_OWNER,
  SEGMENT_START,
  SEGMENT_WORDS,
  SEGMENTS,
} from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { ceiling, type FakeHeap, record } from "../support/fake-heap.js";
import { FREE_BYTES, finds, type Scene, SMALL_BYTES } from "./scene.js";

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
  /free block at .* was written to/,
);
finds(
  "a bin's head that leads to a live block",
  headToLive,
  /free block at .* was written to|no free block|none begins/,
);
finds(
  "a bin's head that leads outside the heap",
  headOutside,
  /list of freed blocks leads to .* where none begins/,
);
finds("a bin that lost its block", lostBlock, /number of blocks in bins|bitmap/);
finds("the bitmap's bit of a filled bin cleared", bitCleared, /there are some, and it is noted otherwise/);
finds("the bitmap's bit of an empty bin set", bitSet, /there are none, and it is noted otherwise/);
finds("the summary's bit cleared", ({ of }) => [binsOf(of.heap.record), 0], /it is noted otherwise/);
for (const [which, word] of [
  ["list", listWord],
  ["small bin", smallWord],
] as const) {
  finds(`a ${which} that begins with no block`, (at) => [word(at.of), at.of.heap.record], /no cached block/);
  finds(`a ${which} that begins with a live block`, (at) => [word(at.of), at.live], /no cached block/);
  finds(`a ${which} that begins outside the heap`, (at) => [word(at.of), -4], /no cached block/);
  finds(`a ${which} that lost its blocks`, (at) => [word(at.of), 0], /is \d+ where 0 was found/);
  finds(
    `a ${which} that lost one block`,
    (at) => [word(at.of), linkOf(at.of.m, at.of.m[word(at.of)]! as Block)],
    /where/,
  );
}
finds(
  "a link to a block of another size",
  ({ of, small }) => [firstCached(of) + 1, small],
  /size of the cached block/,
);
finds("a link that leaves one block out", skipped, /where \d+ was found/);
finds("a cached block in the place of another", twice, /where \d+ was found|one block twice/);
finds(
  "a list that was bent into a ring",
  ({ of }) => [linkOf(of.m, firstCached(of)) + 1, firstCached(of)],
  /where/,
);
finds(
  "a wrong count of a list",
  ({ of }) => [listWord(of) + LEFT, of.m[listWord(of) + LEFT]! - 1],
  /number of cached/,
);
finds("a wrong count of a small bin", smallMiscounted, /the small bin for 472 bytes is 3 where 2 was found/);
finds("a victim that was lost", ({ of }) => [of.heap.record + Rec.victim, 0], /number of cached blocks/);
finds(
  "a victim that is in a list as well",
  ({ of }) => [of.heap.record + Rec.victim, firstCached(of)],
  /one block twice/,
);
finds(
  "a victim that is a live block",
  ({ of, live }) => [of.heap.record + Rec.victim, live],
  /no cached block/,
);
const COUNTS = ["blocks", "closedUnits", "freeBlocks", "freeUnits", "purgedPages"] as const;
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
finds(
  "a chunk without an owner",
  () => [OWNERS + 3, 0],
  /megabyte of memory at 0x.* is noted as another heap.s/,
);
finds(
  "a chunk with another owner",
  ({ of }) => [OWNERS + 3, of.heap.record + 4],
  /megabyte of memory at 0x.* is noted as another heap.s/,
);
finds("segments that lie over each other", overlapping, /megabyte of memory at 0x.* is in two segments/);
finds(
  "an owner of a chunk that is in no segment",
  ({ of }) => [OWNERS + 4000, of.heap.record],
  /megabyte of memory at 0x.* is noted as a heap.s, and is in no segment/,
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

function listWord(of: FakeHeap): number {
  return of.heap.cache + 4 * UNITS;
}

function smallWord(of: FakeHeap): number {
  return of.heap.pool.smallBins + SMALL_BYTES / 16;
}

function firstCached(of: FakeHeap): Block {
  return headOf(of.m, of.heap.cache, UNITS);
}

function skipped({ of }: Scene): readonly number[] {
  const second = linkOf(of.m, firstCached(of)) as Block;
  return [firstCached(of) + 1, linkOf(of.m, second)];
}

/** The last of a list is left out, and another block comes twice in its place. */
function twice({ of, bottom }: Scene): readonly number[] {
  const last = of.heap.window.blockOf(bottom);
  let b = firstCached(of);
  while (linkOf(of.m, b) !== last) b = linkOf(of.m, b) as Block;
  return [b + 1, firstCached(of)];
}

function smallMiscounted({ of }: Scene): readonly number[] {
  const word = smallWord(of) + 80;
  return [word, of.m[word]! + 1];
}

test.run();
