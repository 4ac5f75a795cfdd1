/**
 * Program: JavaScript that uses the heap is cut off again and again by the timeout of node:vm, at any function entry or loop,
 * without a catch or finally; the thread goes on. What the program holds stays as it was, and the heap is whole.
 */

import vm from "node:vm";
import * as assert from "uvu/assert";
import * as lib from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { tell } from "./proc.js";

const ROUNDS = 150;
const SLOTS = 400;
const LIMITS = [100, 1000, 9000, 60_000, 400_000];
/** What one cut may lose: a block that is on its way from or to its slot, and with realloc a second one. */
const LOST_PER_ROUND = 2;

const random = new Random(testSeed("cut off"));
const pointers = new Float64Array(SLOTS);
const sizes = new Float64Array(SLOTS);

function stamp(slot: number, pointer: lib.Pointer, size: number): void {
  if (size < 16) return;
  lib.write.u32(pointer, slot);
  lib.write.u32(pointer, slot, size - 4);
}

/** The slot is empty while its block is in other hands, and filled when the block is stamped. */
function take(slot: number, size: number): void {
  const kind = random.int(0, 9);
  const pointer =
    kind === 0 ? lib.calloc(1, size) : kind === 1 ? lib.alignedAlloc(64, size) : lib.malloc(size);
  stamp(slot, pointer, size);
  sizes[slot] = size;
  pointers[slot] = pointer;
}

function release(slot: number): void {
  const pointer = pointers[slot] as lib.Pointer;
  pointers[slot] = 0;
  lib.free(pointer);
}

function resize(slot: number, size: number): void {
  const pointer = pointers[slot] as lib.Pointer;
  pointers[slot] = 0;
  const moved = lib.realloc(pointer, size);
  if (Math.min(size, sizes[slot]!) >= 16) assert.is(lib.read.u32(moved), slot, "realloc kept the contents");
  stamp(slot, moved, size);
  sizes[slot] = size;
  pointers[slot] = moved;
}

/** For ever. */
function useHeap(limit: number): void {
  for (;;) {
    const slot = random.int(0, SLOTS - 1);
    if (pointers[slot] === 0) take(slot, random.int(0, limit));
    else if (random.chance(0.3)) resize(slot, random.int(0, limit));
    else release(slot);
    if (random.chance(0.001)) lib.trim();
    if (random.chance(0.001)) lib.idle();
  }
}

const context = vm.createContext({ useHeap });
let cuts = 0;
for (let round = 1; round <= ROUNDS; round++) {
  const script = `useHeap(${random.pick(LIMITS)})`;
  try {
    vm.runInContext(script, context, { timeout: random.int(1, 6) });
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, "ERR_SCRIPT_EXECUTION_TIMEOUT", String(error));
    cuts++;
  }
  lib.check();
  let live = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (pointers[slot] === 0) continue;
    live++;
    const pointer = pointers[slot] as lib.Pointer;
    assert.ok(lib.usableSize(pointer) >= sizes[slot]!);
    if (sizes[slot]! < 16) continue;
    assert.is(lib.read.u32(pointer), slot, "the first word is what it was");
    assert.is(lib.read.u32(pointer, sizes[slot]! - 4), slot, "the last word is what it was");
  }
  const { blocks } = lib.stats();
  assert.ok(
    blocks >= live && blocks <= live + round * LOST_PER_ROUND,
    `${blocks} blocks, ${live} of them known`,
  );
}
for (let slot = 0; slot < SLOTS; slot++) if (pointers[slot] !== 0) release(slot);
lib.check();
tell({ cuts });
