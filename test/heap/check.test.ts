/**
 * The full check finds every contradiction in headers of blocks, and none in a sound heap.
 */
import { test } from "uvu";
import { nextOf, sizeOf } from "../../src/block/block.js";
import { Rec } from "../../src/heap/record.js";
import type { Block } from "../../src/memory/memory.js";
import { MIB } from "../support/fake-os.js";
import { finds, headerOf, type Scene } from "./scene.js";

const overwritten = /header of the block .* was overwritten/;

finds("a live block's size word overwritten", ({ live }) => [live, 0x41414141], overwritten);
finds("a live block's check word overwritten", ({ live }) => [live + 1, 7], overwritten);
finds("a fence overwritten", ({ fence }) => [fence + 1, 7], overwritten);
finds("a size of zero", ({ of, live }) => [live, of.m[live]! & 15], overwritten);
finds("a block that leads out of its segment", leadsOut, /leads out of its segment/);
finds("a block that says it is smaller than the least", tooSmall, /less than the least/);
finds(
  "a live block that says the one below is free",
  ({ of, live }) => [live, of.m[live]! | 1],
  /says that the one below is free/,
);
finds(
  "a block above a free one that says it is in use",
  ({ of, above }) => [above, of.m[above]! & ~1],
  /free/,
);
finds("a fence that says the block below is not free", ({ of, fence }) => [fence, of.m[fence]! & ~1], /free/);
finds("a footer overwritten", ({ above }) => [above - 1, 4112], /free block at .* was written to/);
finds(
  "a free block marked cached as well",
  ({ of, free }) => [free, of.m[free]! | 4, free + 1, 0],
  /free and cached at once/,
);
finds("a live block marked free", ({ of, above }) => [above, of.m[above]! | 2], /two free blocks meet/);
finds(
  "a free block below the wilderness",
  freeAtTop,
  /below the wilderness at .* is free and was not coalesced/,
);
finds(
  "a live block marked cached",
  ({ of, live }) => [live, of.m[live]! | 4, live + 1, 0],
  /number of cached blocks/,
);
finds("a cached block marked live", cachedMarkedLive, /no cached block/);
finds("the last block of a list marked live", bottomMarkedLive, /no cached block/);
finds("a small free block", smallFree, /of 480 bytes is free and not cached/);
finds(
  "a block of a small bin marked live",
  ({ of, small }) => [small, of.m[small]! & ~4, small + 1, small ^ 480 ^ of.heap.secret],
  /no cached block/,
);
finds(
  "the designated victim marked live",
  ({ of, victim }) => [
    victim,
    of.m[victim]! & ~4,
    victim + 1,
    victim ^ sizeOf(of.m, victim) ^ of.heap.secret,
  ],
  /no cached block/,
);
finds("a cached block whose link can be none", ({ small }) => [small + 1, -6], overwritten);
finds("a live block's header with a link", ({ live }) => [live + 1, 0], overwritten);
finds(
  "a block given back that is not marked so",
  ({ of, purged }) => [purged, of.m[purged]! & ~8],
  /pages given back/,
);
finds(
  "a free block marked as given back",
  ({ of, free }) => [free, of.m[free]! | 8, free + 4, 1],
  /given back/,
);
finds("a wrong count of a block's pages given back", ({ purged }) => [purged + 4, 3], /pages given back/);
finds("more pages given back than a block has", ({ purged }) => [purged + 4, 99], /99 of its pages/);
finds("fewer than no pages given back", ({ purged }) => [purged + 4, -1], /-1 of its pages/);
finds(
  "a large block's size word overwritten",
  ({ of, large }) => [headerOf(of, large), 1],
  /header of the large block/,
);
finds(
  "a large block's check word overwritten",
  ({ of, large }) => [headerOf(of, large) + 1, 1],
  /header of the large/,
);

function leadsOut({ of }: Scene): readonly number[] {
  const b = of.heap.wilderness.segments.start(1) as Block;
  const size = sizeOf(of.m, b) + 16 * MIB;
  return [b + 1, b ^ size ^ of.heap.secret, b, size];
}

function freeAtTop({ of }: Scene): readonly number[] {
  const top = of.m[of.heap.record + Rec.top]!;
  let b = of.heap.wilderness.segments.start(of.m[of.heap.record + Rec.segment]!) as Block;
  while (nextOf(of.m, b) < top) b = nextOf(of.m, b);
  return [b, (of.m[b]! & ~4) | 2, top - 1, sizeOf(of.m, b)];
}

function tooSmall({ of, live }: Scene): readonly number[] {
  return [live + 1, live ^ of.heap.secret, live, 0];
}

function cachedMarkedLive({ of, cached }: Scene): readonly number[] {
  const b = headerOf(of, cached);
  return [b, of.m[b]! & ~4, b + 1, b ^ sizeOf(of.m, b) ^ of.heap.secret];
}

function bottomMarkedLive({ of, bottom }: Scene): readonly number[] {
  const b = headerOf(of, bottom);
  return [b, of.m[b]! & ~4, b + 1, b ^ sizeOf(of.m, b) ^ of.heap.secret];
}

function smallFree({ of, small }: Scene): readonly number[] {
  const size = sizeOf(of.m, small);
  const above = small + size / 4;
  const checksum = small ^ size ^ of.heap.secret;
  return [small, size | 2, small + 1, checksum, above - 1, size, above, of.m[above]! | 1];
}

test.run();
