/**
 * Program: an init callback of async_hooks uses the heap, each time that something asynchronous begins. The heap makes a
 * promise itself, at the first change after JavaScript's stack was empty.
 */
import { createHook } from "node:async_hooks";
import { check, free, malloc, type Pointer, usableSize, view } from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";

const TURNS = 300;
const PER_TURN = 40;
const MOST_HELD = 200;
const LARGEST = 300_000; // some have mappings of their own

const random = new Random(testSeed("async hooks"));
const held: Array<{ pointer: Pointer; byte: number }> = [];
let inHeap = false;
/** Callbacks while the heap was at work. */
let inside = 0;
let deepest = 0;
let depth = 0;
let wrong = 0;

function take(): void {
  inHeap = true;
  const pointer = malloc(random.spread(1, LARGEST));
  inHeap = false;
  const byte = random.int(1, 255);
  view(pointer).fill(byte);
  held.push({ pointer, byte });
}

function drop(): void {
  const at = random.int(0, held.length - 1);
  const { pointer, byte } = held[at]!;
  held[at] = held.at(-1)!;
  held.pop();
  const bytes = view(pointer);
  if (bytes[0] !== byte || bytes[usableSize(pointer) - 1] !== byte) wrong++;
  inHeap = true;
  free(pointer);
  inHeap = false;
}

const hook = createHook({
  init() {
    if (inHeap) inside++;
    if (++depth > deepest) deepest = depth;
    free(malloc(48));
    take();
    drop();
    drop();
    depth--;
  },
});

take();
take();
hook.enable();
for (let turn = 0; turn < TURNS; turn++) {
  for (let i = 0; i < PER_TURN; i++) {
    while (held.length < 4 || (held.length < MOST_HELD && random.chance(0.5))) take();
    drop();
    take();
  }
  await null;
}
hook.disable();
while (held.length > 0) drop();
check();
console.log(JSON.stringify({ inside, deepest, wrong }));
