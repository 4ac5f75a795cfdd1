/**
 * Program: pointers from nowhere. Touching any of them would end the process, so each must be refused unseen: over
 * the whole address space, around the heap, in what it mapped and gave back, and in its own control structures.
 *
 *   HEAPWRIGHT_RESERVE=8M wild.ts     (a small range, so that there are full segments with a fence)
 */
import * as assert from "uvu/assert";
import { heap } from "../../../src/api/malloc.js";
import * as lib from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { codeOf } from "../refusal.js";
import { tell } from "./proc.js";

type Pointer = lib.Pointer;

const EACH = 1200;
const seed = testSeed("wild");
const random = new Random(seed);
const { base, span } = heap.window;
const refused: Record<string, number> = {};

/** Allocates and frees until there are full segments, holes, cached blocks, large blocks, unmapped ones. */
function furnish(): Pointer[] {
  const blocks: Pointer[] = [];
  for (let i = 0; i < 1500; i++) blocks.push(lib.malloc(random.spread(1, 110_000)));
  for (let i = 0; i < 40; i++) blocks.push(lib.malloc(random.spread(140_000, 2_000_000)));
  blocks.push(lib.alignedAlloc(2 ** 20, 300_000), lib.alignedAlloc(4096, 200_000));
  for (const pointer of blocks) lib.view(pointer).fill(0x5a);
  const kept = blocks.filter((pointer) => {
    const keep = random.chance(0.5);
    if (!keep) lib.free(pointer);
    return keep;
  });
  lib.trim();
  return kept;
}

const live = new Set<number>(furnish());
const { segments } = lib.stats();

/** `pointer` is refused by all that take one; a live block is passed over. */
function refuses(where: string, pointer: number, ...codes: string[]): void {
  if (live.has(pointer)) return;
  const p = pointer as Pointer;
  for (const operation of [
    () => lib.free(p),
    () => lib.usableSize(p),
    () => lib.realloc(p, 100),
    () => lib.view(p),
  ]) {
    const code = codeOf(operation);
    if (!codes.includes(code)) throw new Error(`${where}: 0x${pointer.toString(16)} met ${code}`);
  }
  refused[where] = (refused[where] ?? 0) + 1;
}

function sample(where: string, from: number, to: number, ...codes: string[]): void {
  const before = { ...lib.stats(), external: 0 };
  const steps = Math.floor((to - from) / 16);
  for (let i = 0; i < EACH; i++) {
    const step = Math.floor((random.next() / 2 ** 32 + random.next() / 2 ** 64) * steps);
    refuses(where, from + step * 16 + (i % 3 === 0 ? random.int(0, 15) : 0), ...codes);
  }
  lib.check();
  assert.equal({ ...lib.stats(), external: 0 }, before, where);
}

const INVALID = "ERR_INVALID_POINTER";
const DOUBLE = "ERR_DOUBLE_FREE";

sample("the whole address space", 16, 2 ** 47, INVALID);
sample("below 4 GiB", 16, 2 ** 32, INVALID, DOUBLE);
sample("the window", base, base + span, INVALID, DOUBLE);
sample("just around the window", base - 2 ** 20, base + 2 ** 20, INVALID);
sample("the end of the window", base + span - 2 ** 20, base + span + 2 ** 20, INVALID);
for (const edge of [base, base + span, base + heap.words.length * 4, 2 ** 47, 2 ** 48, 2 ** 52]) {
  for (let at = -48; at <= 48; at++) refuses("edges", edge + at, INVALID, DOUBLE);
}

sample("the control block", base, base + 2 ** 20, INVALID);
for (let word = 0; word < 8192; word += 4)
  refuses("every word of the control block", base + word * 4, INVALID);
const record = base + heap.record * 4;
const firstBlock = base + heap.wilderness.segments.start(0) * 4;
for (let at = record; at < firstBlock; at += 8) refuses("the heap record", at, INVALID);

for (let id = 0; id < heap.wilderness.segments.count; id++) {
  const start = base + heap.wilderness.segments.start(id) * 4;
  const end = base + heap.wilderness.segments.end(id) * 4;
  sample("the segments", start, end, INVALID, DOUBLE);
  for (let at = -64; at <= 64; at += 8)
    refuses("the ends of segments, fences too", end + at, INVALID, DOUBLE);
}
for (const [start, bytes] of heap.large.mappings()) {
  for (let at = -64; at <= 8192; at += 16) refuses("the fronts of large blocks", start + at, INVALID, DOUBLE);
  for (let at = -64; at <= 64; at += 16)
    refuses("the ends of large blocks", start + bytes + at, INVALID, DOUBLE);
}

forge();
for (const pointer of live) lib.free(pointer as Pointer);
lib.check();
assert.is(lib.stats().blocks, 0);
tell({ refused, segments });

/** What looks like a header but is not this process's: random words, plausible sizes with a wrong check word. */
function forge(): void {
  const block = lib.malloc(4096);
  live.add(block);
  const size = 64;
  for (let i = 0; i < EACH; i++) {
    const at = 8 + 16 * random.int(0, 200);
    const plausible = random.chance(0.5);
    lib.write.u32(block, plausible ? size | random.pick([0, 1, 2, 4, 5, 8]) : random.next(), at);
    lib.write.u32(block, plausible ? random.pick([0, at, size, 0xffffffff]) : random.next(), at + 4);
    refuses("forged headers", block + at + 8, INVALID, DOUBLE);
  }
}
