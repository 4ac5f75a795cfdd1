/**
 * Program: the heap is used where JavaScript's stack is about to be full, so that calls inside the library fail, at
 * another depth each time. What the program holds stays as it was, and the heap is whole; meanwhile another thread
 * takes and gives back large blocks, and must not be kept waiting for a lock.
 */
import * as assert from "uvu/assert";
import { startWorker } from "../../../scripts/worker.js";
import * as lib from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { tell } from "./proc.js";

interface Held {
  pointer: lib.Pointer;
  size: number;
  readonly stamp: number;
  /** So many bytes of it are stamped. */
  stamped: number;
  /** The heap of the program's own that it lies in. */
  readonly of: lib.Heap | null;
}

const ROUNDS = 600;
const MOST_HELD = 400;
const STEP = 512;
/** What has not been compiled yet never gets further than that where the stack is nearly full. */
const WARM_UP = 30;
const LIMITS = [64, 1000, 5000, 60_000, 400_000];
const USES = 3;
/** So far from the end of the stack the heap is used, at most. */
const LEVELS = 100;

const random = new Random(testSeed("full stack"));
const held: Held[] = [];
let above = 0;
let uses = 0;
let broken = 0;
let failure: unknown = null;
let count = 0;

function someSize(): number {
  return random.int(0, random.pick(LIMITS));
}

/** A new one holds nothing that could be lost until it is stamped. */
function take(pointer: lib.Pointer, size: number, of: lib.Heap | null = null): void {
  const block: Held = { pointer, size, stamp: ++count, stamped: 0, of };
  held.push(block);
  for (let at = 0; at + 4 <= size; at += STEP) {
    lib.write.u32(pointer, block.stamp, at);
    block.stamped = at + 4;
  }
}

function release(index: number): void {
  const { pointer } = held[index]!;
  held[index] = held[held.length - 1]!;
  held.length--; // whether or not it could be freed: nobody looks at it again
  lib.free(pointer);
}

function resize(block: Held, size: number): void {
  const stamped = Math.min(size, block.stamped);
  block.pointer = lib.realloc(block.pointer, size); // from here on no calls
  block.size = size;
  block.stamped = stamped;
}

let own: lib.Heap | null = null;

/** Ends the program's own heap: whether or not that is broken off, its blocks are gone. */
function endOwn(): void {
  const ended = own;
  own = null;
  for (let i = held.length - 1; i >= 0; i--) {
    if (held[i]!.of !== ended || ended === null) continue;
    held[i] = held[held.length - 1]!;
    held.length--;
  }
  ended?.destroy();
}

function useHeap(): void {
  const size = someSize();
  const which = random.int(0, 19);
  if (held.length > MOST_HELD || (which < 7 && held.length > 0)) release(random.int(0, held.length - 1));
  else if (which < 11 && held.length > 0) resize(random.pick(held), size);
  else if (which === 11) take(lib.calloc(1, size), size);
  else if (which === 12) take(lib.alignedAlloc(2 ** random.int(0, 13), size), size);
  else if (which === 13 && random.chance(0.1)) lib.trim();
  else if (which === 14 && random.chance(0.2)) lib.check();
  else if (which === 15 && random.chance(0.1)) endOwn();
  else if (which > 16) {
    own ??= new lib.Heap();
    take(own.malloc(size), size, own);
  } else take(lib.malloc(size), size);
}

/** Fills the stack, and on the way back uses the heap a few times, `above` levels above the end. */
function fillStack(): void {
  try {
    fillStack();
  } catch {
    // the stack is full
  }
  if (above > 0) above--;
  else if (uses > 0) {
    uses--;
    attempt().next();
  }
}

/** A generator, which V8 does not inline: else the stack counts as full while there is room for all of this. */
// biome-ignore lint/correctness/useYield: see above.
function* attempt(): Generator<never> {
  try {
    useHeap();
  } catch (error) {
    broken++;
    if (!(error instanceof RangeError) || "code" in error) failure ??= error; // no stack to throw it with
  }
}

function verify(): void {
  for (const { pointer, size, stamp, stamped } of held) {
    assert.ok(lib.usableSize(pointer) >= size, `block ${stamp} of ${size} bytes`);
    for (let at = 0; at + 4 <= stamped; at += STEP) assert.is(lib.read.u32(pointer, at), stamp, `at ${at}`);
  }
  lib.check();
}

const worker = startWorker(new URL("./large-blocks.ts", import.meta.url), null);
await new Promise((resolve) => worker.once("message", resolve));
for (let i = 0; i < WARM_UP; i++) attempt().next();
for (let round = 0; round < ROUNDS; round++) {
  above = random.int(0, LEVELS);
  uses = USES;
  fillStack();
  if (failure !== null) throw failure;
  verify();
}
const answer = new Promise<number>((resolve) => worker.once("message", resolve));
worker.postMessage("end");
const pairs = await answer;
for (const { pointer } of held) lib.free(pointer);
lib.check();
tell({ broken, whole: ROUNDS * USES - broken, pairs });
