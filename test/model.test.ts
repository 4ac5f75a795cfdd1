/**
 * The API against a model, with sequences of calls made up by fast-check and shrunk when one fails.
 *
 * The model is a list of the blocks that must be live: which were asked for, with what size and alignment. The real
 * side is the heap, watched by the verifier. Right calls must do what C promises; wrong ones (a second free, a
 * pointer into a block, a stale pointer) must be refused by name and leave every block, and the heap, as they were.
 *
 * The seed is given back through HEAPWRIGHT_TEST_SEED and runs the same sequences; the failing one is printed with
 * its path. Shrinking goes on in the same process, so after a failure that broke the heap trust the first report.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  check,
  free,
  malloc,
  NULL,
  type Pointer,
  realloc,
  stats,
  trim,
  usableSize,
  view,
} from "../src/index.js";
import { refused } from "./peers/expect.js";
import { testSeed } from "./support/seed.js";
import { type Live, Verifier } from "./support/verifier.js";

interface Model {
  /** What must be live, in order of allocation. */
  readonly sizes: number[];
}

interface Real {
  /** The blocks that stand for the model's, at the same places. */
  readonly blocks: Live[];
  readonly verifier: Verifier;
}

type Step = fc.Command<Model, Real>;

const RUNS = 300;
const MOST_STEPS = 120;

/** A call that is possible at any time. */
class Anytime implements Step {
  constructor(
    readonly name: string,
    readonly run: (model: Model, real: Real) => void,
  ) {}

  check(): boolean {
    return true;
  }

  toString(): string {
    return this.name;
  }
}

/** Calls on one block, chosen by a number, possible while there is one. Every other block must stay as it was. */
class OnBlock implements Step {
  constructor(
    readonly name: string,
    readonly choice: number,
    readonly act: (model: Model, real: Real, at: number, pointer: Pointer) => void,
  ) {}

  check(model: Readonly<Model>): boolean {
    return model.sizes.length > 0;
  }

  run(model: Model, real: Real): void {
    const at = this.choice % model.sizes.length;
    this.act(model, real, at, real.blocks[at]!.pointer as Pointer);
    real.verifier.verifyAll();
    assert.is(real.verifier.count, model.sizes.length);
  }

  toString(): string {
    return `${this.name} of block ${this.choice}`;
  }
}

/** malloc, calloc and alignedAlloc: `take` calls one of them. */
function allocate(name: string, size: number, alignment: number, take: () => Pointer): Step {
  return new Anytime(name, (model, real) => {
    const pointer = take();
    if (name.startsWith("calloc")) real.verifier.verifyZero(pointer, size);
    model.sizes.push(size);
    real.blocks.push(real.verifier.add(pointer, size, usableSize(pointer), alignment));
  });
}

function resize(choice: number, size: number): Step {
  return new OnBlock(`realloc to ${size}`, choice, (model, real, at, pointer) => {
    const moved = realloc(pointer, size);
    real.blocks[at] = real.verifier.resize(real.blocks[at]!, moved, size, usableSize(moved));
    model.sizes[at] = size;
  });
}

/** Frees a block and some that came after it, then tries everything that a stale pointer may not do. */
function useAfterFree(choice: number, more: number): Step {
  return new OnBlock(`free (and of ${more} more) and use`, choice, (model, real, at, pointer) => {
    release(model, real, at);
    for (let i = 0; i < more && at < model.sizes.length; i++) release(model, real, at);
    refusedEverywhere(pointer);
  });
}

/** Pointers that are no block's: inside one at multiples of 16, which look like pointers, and at others. */
function goAstray(choice: number, where: number): Step {
  return new OnBlock("use of pointers into the middle", choice, (_model, real, at, pointer) => {
    const places = Math.floor((real.blocks[at]!.usable - 1) / 16);
    const inside = 16 * (1 + (where % places));
    for (const offset of [inside, inside - 8, 1, 0.5]) refusedEverywhere((pointer + offset) as Pointer);
  });
}

function measure(_model: Model, real: Real, at: number, pointer: Pointer): void {
  assert.is(usableSize(pointer), real.blocks[at]!.usable);
  assert.is(view(pointer).byteLength, real.blocks[at]!.usable);
}

/** Nothing that the program holds may change. */
function upkeep(call: () => unknown): Step {
  return new Anytime(call.name, (_model, real) => {
    call();
    real.verifier.verifyAll();
  });
}

function refusedEverywhere(wrong: Pointer): void {
  const { allocated } = stats();
  for (const use of [usableSize, free, (stale: Pointer) => realloc(stale, 100)]) {
    refused(() => use(wrong), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
  }
  assert.is(stats().allocated, allocated);
  check();
}

function release(model: Model, real: Real, at: number): void {
  const block = real.blocks[at]!;
  real.verifier.remove(block);
  free(block.pointer as Pointer);
  real.blocks.splice(at, 1);
  model.sizes.splice(at, 1);
}

const size = fc.oneof(
  { weight: 4, arbitrary: fc.nat(64) },
  { weight: 4, arbitrary: fc.nat(2048) },
  { weight: 2, arbitrary: fc.nat(128 * 1024) },
  { weight: 1, arbitrary: fc.integer({ min: 128 * 1024 - 64, max: 400 * 1024 }) },
);
const choice = fc.nat(1000);

const steps: fc.Arbitrary<Step>[] = [
  size.map((n) => allocate(`malloc(${n})`, n, 16, () => malloc(n))),
  size.map((n) => allocate(`realloc(NULL, ${n})`, n, 16, () => realloc(NULL, n))),
  fc.tuple(fc.nat(40), fc.nat(400)).map(([count, n]) => {
    return allocate(`calloc(${count}, ${n})`, count * n, 16, () => calloc(count, n));
  }),
  fc.tuple(fc.nat(16), size).map(([log2, n]) => {
    const alignment = 2 ** log2;
    return allocate(`alignedAlloc(${alignment}, ${n})`, n, alignment, () => alignedAlloc(alignment, n));
  }),
  fc.tuple(choice, size).map(([at, n]) => resize(at, n)),
  choice.map((at) => new OnBlock("free", at, release)),
  fc.tuple(choice, fc.nat(3)).map(([at, more]) => useAfterFree(at, more)),
  fc.tuple(choice, fc.nat(4000)).map(([at, where]) => goAstray(at, where)),
  choice.map((at) => new OnBlock("usableSize", at, measure)),
  fc.constantFrom<() => unknown>(trim, check).map(upkeep),
];

/** Ways in which a block vanishes into another; each returns the live block and where blocks were before. */
const swallowed: Record<string, () => [Pointer, Pointer[]]> = {
  "growth at the end of the heap": () => {
    const block = malloc(5000);
    const end = usableSize(block) + 8;
    return [realloc(block, 40_000), [(block + end) as Pointer]];
  },
  "growth over a free block above": () => {
    const [block, above] = [malloc(3000), malloc(3000)];
    malloc(3000);
    free(above);
    return [realloc(block, 5000), [above]];
  },
  "growth over a free block below": () => {
    const [below, block] = [malloc(3000), malloc(3000)];
    malloc(3000);
    free(below);
    return [realloc(block, 5000), [below, block]];
  },
  "blocks joined and given out as one": () => {
    const row = Array.from({ length: 20 }, () => malloc(2000));
    malloc(2000);
    for (const pointer of row) free(pointer);
    return [malloc(39_000), row];
  },
  "small blocks joined by trim and given out as one": () => {
    const row = Array.from({ length: 400 }, () => malloc(48));
    malloc(48);
    for (const pointer of row) free(pointer);
    trim();
    return [malloc(24_000), row];
  },
  "a mapping that moved": () => {
    const block = malloc(200_000);
    malloc(200_000);
    return [realloc(block, 900_000), [block]];
  },
};

for (const [how, swallow] of Object.entries(swallowed)) {
  test(`headers left inside a block that was never written to are no blocks: ${how}`, () => {
    const [live, stale] = swallow();
    const wrong = stale.filter((pointer) => pointer !== live);
    for (const pointer of wrong) refusedEverywhere(pointer);
    for (let offset = 16; offset < Math.min(usableSize(live), 50_000); offset += 16) {
      refused(() => usableSize((live + offset) as Pointer), "ERR_INVALID_POINTER", "ERR_DOUBLE_FREE");
    }
    free(live);
    check();
  });
}

test("every sequence of calls keeps what the model says", () => {
  const seed = testSeed("model");
  const allocated = stats().allocated;
  const property = fc.property(fc.commands(steps, { maxCommands: MOST_STEPS, size: "max" }), (commands) => {
    const verifier = new Verifier(seed, (pointer, bytes) => view(pointer as Pointer, bytes));
    const real: Real = { blocks: [], verifier };
    try {
      fc.modelRun(() => ({ model: { sizes: [] }, real }), commands);
    } finally {
      for (const block of real.blocks) free(block.pointer as Pointer);
    }
    check();
    assert.is(stats().allocated, allocated, "everything was freed");
  });
  fc.assert(property, { seed, numRuns: RUNS, verbose: fc.VerbosityLevel.None });
});

test.run();
