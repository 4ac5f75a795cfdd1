/**
 * Pointers into live blocks: misaligned, between two blocks, and at every place inside a block that could look like
 * one, because of what an earlier block left there or because the user's bytes are copies of real headers.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  check,
  free,
  malloc,
  type Pointer,
  realloc,
  stats,
  trim,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { figures } from "../support/figures.js";
import { Random, testSeed } from "../support/seed.js";
import { codeOf, headerOf, refusesPointer } from "./refusal.js";

const CODES = ["ERR_INVALID_POINTER", "ERR_DOUBLE_FREE"];
const STEP = 16;

/** Every place in the block where a payload could begin is refused. */
function refusesInside(block: Pointer, what: string, bytes = usableSize(block)): void {
  const before = figures();
  for (let at = STEP; at < bytes; at += STEP) {
    const inside = (block + at) as Pointer;
    for (const operation of [() => free(inside), () => usableSize(inside), () => realloc(inside, 40)]) {
      const code = codeOf(operation);
      if (!CODES.includes(code)) assert.unreachable(`byte ${at} of ${what} met ${code}`);
    }
  }
  assert.equal(figures(), before, what);
  check();
}

function freeAll(blocks: Iterable<Pointer>): void {
  for (const pointer of blocks) free(pointer);
  check();
}

test("misaligned pointers", () => {
  const blocks = [malloc(100), malloc(10_000), malloc(300_000), alignedAlloc(4096, 5000)];
  for (const block of blocks) {
    for (let at = 1; at < STEP; at++) {
      refusesPointer(block + at, `byte ${at}`, "ERR_INVALID_POINTER");
      refusesPointer(block - at, `byte -${at}`, "ERR_INVALID_POINTER");
    }
    refusesPointer(block + 1 / 1024, "a fraction", "ERR_INVALID_POINTER");
  }
  freeAll(blocks);
});

test("copies of real headers inside live blocks", () => {
  const donors = [24, 1000, 100_000, 1_000_000].map((size) => malloc(size));
  const cached = malloc(200);
  const binned = malloc(3000);
  const last = malloc(3000);
  free(cached);
  free(binned);
  const headers = [...donors, cached, binned, last].map(headerOf);
  const victims = [40, 56, 72, 248, 1000, 5000, 20_000, 150_000].map((size) => malloc(size));
  victims.push(alignedAlloc(256, 3000), alignedAlloc(8192, 200_000), calloc(10, 400));
  for (const victim of victims) {
    const bytes = Math.min(usableSize(victim), 6_000);
    for (const header of [...headers, headerOf(victim)]) {
      for (let at = 8; at + 8 <= bytes; at += STEP) {
        write.u32(victim, header[0], at);
        write.u32(victim, header[1], at + 4);
      }
      refusesInside(victim, `a block of ${usableSize(victim)} bytes full of headers`, bytes);
    }
  }
  freeAll([...victims, ...donors, last]);
});

test("headers that are moved with their block by realloc", () => {
  const block = malloc(2000);
  const inTheWay = malloc(2000);
  const [low, high] = headerOf(block);
  for (let at = 8; at + 8 <= 2000; at += STEP) {
    write.u32(block, low, at);
    write.u32(block, high, at + 4);
  }
  const moved = realloc(block, 6000);
  refusesInside(moved, "a block that moved with what looks like headers");
  freeAll([moved, inTheWay]);
});

test("what smaller blocks left behind", () => {
  const small: Pointer[] = [];
  for (let i = 0; i < 2000; i++) small.push(malloc(24 + (i % 90) * 8));
  freeAll(small);
  trim(); // joins what is cached; the pages in the middle come back as zeroes, those at the edges do not
  for (const size of [500, 5000, 50_000, 120_000]) {
    const block = malloc(size);
    refusesInside(block, `a block of ${size} bytes over old ones`);
    freeAll([block]);
  }
});

test("what a block leaves inside itself when it grows into the wilderness", () => {
  let block = malloc(2000);
  for (const size of [2500, 4000, 10_000, 10_100, 60_000, 100_000]) {
    const at = block;
    block = realloc(block, size);
    assert.is(block, at, "it grew in place");
    refusesInside(block, `a block that grew to ${size} bytes`);
  }
  freeAll([block]);
});

test("what a block leaves inside itself when it grows over its neighbours", () => {
  const blocks = Array.from({ length: 30 }, (_, i) => malloc(1200 + i * 16));
  const last = malloc(2000);
  for (const i of [3, 5, 6, 9, 11, 12, 14]) free(blocks[i]!);
  const grown = [realloc(blocks[4]!, 3000), realloc(blocks[10]!, 2000), realloc(blocks[13]!, 2500)];
  for (const block of grown) refusesInside(block, "a block that grew over free ones");
  const kept = blocks.filter((_, i) => ![3, 4, 5, 6, 9, 10, 11, 12, 13, 14].includes(i));
  freeAll([...grown, ...kept, last]);
});

test("any history: only the pointers that were given out are blocks", () => {
  const seed = testSeed("interior");
  const random = new Random(seed);
  const live: Pointer[] = [];
  for (let step = 0; step < 4000; step++) {
    const at = random.int(0, live.length - 1);
    if (live.length > 60 || (live.length > 0 && random.chance(0.35))) free(live.splice(at, 1)[0]!);
    else if (live.length > 0 && random.chance(0.4)) live[at] = realloc(live[at]!, random.spread(1, 3000));
    else if (random.chance(0.1)) live.push(alignedAlloc(2 ** random.int(5, 9), random.spread(1, 2000)));
    else live.push(malloc(random.spread(1, 3000)));
    if (step % 100 !== 0) continue;
    for (const block of live) refusesInsideQuickly(block, seed);
  }
  for (const block of live) view(block).fill(0);
  freeAll(live);
  assert.is(stats().blocks, 0);
});

function refusesInsideQuickly(block: Pointer, seed: number): void {
  const bytes = usableSize(block);
  for (let at = STEP; at < bytes; at += STEP) {
    const code = codeOf(() => usableSize((block + at) as Pointer));
    if (!CODES.includes(code)) assert.unreachable(`byte ${at} of a live block met ${code} (seed ${seed})`);
  }
}

test.run();
