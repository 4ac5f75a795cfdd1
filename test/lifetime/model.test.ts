/**
 * Nested scopes against a model, with sequences made up by fast-check and shrunk when one fails.
 *
 * The model is a stack of open scopes, each the list of its blocks, and the list of blocks that were let out of all. The
 * real side is the heap, watched by the verifier, which refuses a block that overlaps a live one and notices when a live
 * one's contents change: so what is freed too early shows as soon as its memory is used again, and what is freed too late
 * or never shows in the count of allocated bytes when the last scope has ended.
 *
 * The seed is given back through HEAPWRIGHT_TEST_SEED and runs the same sequences.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, free, type Pointer, Scope, stats, usableSize, view } from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { testSeed } from "../support/seed.js";
import { type Live, Verifier } from "../support/verifier.js";

const RUNS = 300;
const MOST_STEPS = 200;

interface Level {
  readonly scope: Scope;
  readonly blocks: Live[];
}

class World {
  readonly verifier: Verifier;
  readonly levels: Level[] = [];
  /** Blocks that belong to no scope. */
  readonly out: Live[] = [];

  constructor(seed: number) {
    this.verifier = new Verifier(seed, (pointer, bytes) => view(pointer as Pointer, bytes));
  }

  open(): void {
    this.levels.push({ scope: new Scope(), blocks: [] });
  }

  /** Ends the innermost scope: its blocks, and no others, are gone. */
  close(): void {
    const { scope, blocks } = this.levels.pop()!;
    for (const block of blocks) this.verifier.remove(block);
    scope.dispose();
    this.verifier.verifyAll();
    for (const { pointer } of blocks)
      refused(() => free(pointer as Pointer), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
  }

  /** A block just allocated. */
  live(pointer: Pointer, size: number): Live {
    return this.verifier.add(pointer, size, usableSize(pointer));
  }

  /** Takes a block out of a list. */
  take(blocks: Live[], choice: number): Live {
    return blocks.splice(choice % blocks.length, 1)[0]!;
  }
}

interface Step {
  readonly name: string;
  readonly level: number;
  readonly choice: number;
  readonly size: number;
}

/** What a step does in one of the open scopes. Those that need a block do nothing while there is none. */
const actions: Record<string, (world: World, level: Level, step: Step) => void> = {
  malloc: (world, { scope, blocks }, { size }) => {
    blocks.push(world.live(scope.malloc(size), size));
  },
  calloc: (world, { scope, blocks }, { size }) => {
    const pointer = scope.calloc(size, 1);
    world.verifier.verifyZero(pointer, size);
    blocks.push(world.live(pointer, size));
  },
  realloc: (world, { scope, blocks }, { choice, size }) => {
    if (blocks.length === 0) return;
    const old = world.take(blocks, choice);
    const moved = scope.realloc(old.pointer as Pointer, size);
    blocks.push(world.verifier.resize(old, moved, size, usableSize(moved)));
  },
  free: (world, { scope, blocks }, { choice }) => {
    if (blocks.length === 0) return;
    const block = world.take(blocks, choice);
    world.verifier.remove(block);
    scope.free(block.pointer as Pointer);
    refused(() => scope.free(block.pointer as Pointer), "ERR_INVALID_POINTER");
  },
  keep: (world, { scope, blocks }, { choice }) => {
    if (blocks.length === 0) return;
    const block = world.take(blocks, choice);
    assert.is(scope.keep(block.pointer as Pointer), block.pointer);
    world.out.push(block);
    refused(() => scope.keep(block.pointer as Pointer), "ERR_INVALID_POINTER");
  },
  adopt: (world, { scope, blocks }, { choice }) => {
    if (world.out.length === 0) return;
    const block = world.take(world.out, choice);
    scope.adopt(block.pointer as Pointer);
    blocks.push(block);
  },
};

function perform(world: World, step: Step): void {
  if (step.name === "open" || world.levels.length === 0) world.open();
  if (step.name === "close") world.close();
  else if (step.name !== "open") {
    actions[step.name]!(world, world.levels[step.level % world.levels.length]!, step);
  }
}

const steps = fc.array(
  fc.record<Step>({
    name: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("malloc", "calloc") },
      { weight: 4, arbitrary: fc.constantFrom("realloc", "free", "keep", "adopt") },
      { weight: 1, arbitrary: fc.constantFrom("open", "close") },
    ),
    level: fc.nat(3),
    choice: fc.nat(1000),
    size: fc.oneof(
      { weight: 6, arbitrary: fc.nat(500) },
      { weight: 2, arbitrary: fc.nat(20_000) },
      { weight: 1, arbitrary: fc.integer({ min: 120_000, max: 300_000 }) },
    ),
  }),
  { maxLength: MOST_STEPS, size: "max" },
);

test("every sequence of scopes frees what it must, when it must", () => {
  const seed = testSeed("scopes");
  const before = stats().allocated;
  const property = fc.property(steps, (sequence) => {
    const world = new World(seed);
    try {
      for (const step of sequence) perform(world, step);
      while (world.levels.length > 0) world.close();
      for (const block of world.out) world.verifier.verify(block);
    } finally {
      for (const { scope } of world.levels) scope.dispose();
      for (const { pointer } of world.out) free(pointer as Pointer);
    }
    check();
    assert.is(stats().allocated, before, "everything was freed");
  });
  fc.assert(property, { seed, numRuns: RUNS, verbose: fc.VerbosityLevel.None });
});

test.run();
