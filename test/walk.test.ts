/**
 * A long random walk over malloc, calloc, realloc, alignedAlloc and free, watched by the verifier.
 *
 * After each batch of operations the heap checks itself, and its own account of its blocks (walk, stats) must agree
 * with the verifier's, which knows nothing of the heap. Phases of growth and shrinking, of small and of large
 * blocks, and of freeing in several orders alternate at random. A failure names the operation; the seed repeats it.
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
  walk,
} from "../src/index.js";
import { Random, testSeed } from "./support/seed.js";
import { type Live, Verifier } from "./support/verifier.js";

const OPERATIONS = 300_000;
const BATCH = 2_000;
const KIB = 1024;
/** Above this many live bytes a phase only shrinks, so that the walk stays within the machine's memory. */
const MOST_BYTES = 160 * KIB * KIB;
const MOST_BLOCKS = 40_000;

interface Phase {
  /** Of the operations that do not resize, the share that allocates. */
  readonly growth: number;
  /** A phase of shrinking ends when fewer blocks are left, so that most of the walk has many. */
  readonly floor: number;
  readonly resizing: number;
  /** Out of 1,000 blocks, how many are tiny; small or tiny; up to medium; up to 128 KiB. The rest is larger. */
  readonly mix: readonly number[];
  readonly order: "random" | "newest" | "oldest" | "neighbours";
  operationsLeft: number;
}

const MIXES = [
  [400, 800, 950, 995],
  [950, 1000, 1000, 1000],
  [100, 700, 990, 1000],
  [50, 250, 750, 950],
  [250, 500, 750, 950],
] as const;

const RANGES = [
  [0, 32],
  [33, KIB],
  [KIB + 1, 16 * KIB],
  [16 * KIB + 1, 128 * KIB],
  [128 * KIB + 1, 768 * KIB],
] as const;

class Walk {
  readonly verifier: Verifier;
  /** The operation under way, for the message of a failure. */
  operation = 0;
  readonly #random: Random;
  #phase: Phase;
  /** Blocks in the order of their allocation; freed ones linger until they are skipped. */
  #history: Live[] = [];
  /** Where the history begins: to shift a long array moves all of it each time. */
  #oldest = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.verifier = new Verifier(seed, (pointer, bytes) => view(pointer as Pointer, bytes));
    this.#phase = this.#nextPhase();
  }

  step(): void {
    this.operation++;
    const { count, usableBytes } = this.verifier;
    if (this.#phase.operationsLeft-- === 0 || count < this.#phase.floor) this.#phase = this.#nextPhase();
    const full = usableBytes > MOST_BYTES || count > MOST_BLOCKS;
    if (count > 0 && this.#random.chance(this.#phase.resizing)) this.#resize(this.#victim("random"));
    else if (count === 0 || (!full && this.#random.chance(this.#phase.growth))) this.#allocate();
    else this.#release(this.#victim(this.#phase.order));
  }

  freeAll(): void {
    while (this.verifier.count > 0) this.#release(this.#random.pick(this.verifier.blocks));
  }

  #nextPhase(): Phase {
    const growth = this.#random.pick([0.95, 0.8, 0.6, 0.5, 0.4, 0.1]);
    return {
      growth,
      floor: growth < 0.5 ? this.#random.pick([0, 10, 1_000, 5_000]) : 0,
      resizing: this.#random.pick([0, 0.1, 0.3]),
      mix: this.#random.pick(MIXES),
      order: this.#random.pick(["random", "newest", "oldest", "neighbours"]),
      operationsLeft: this.#random.int(1_000, 15_000),
    };
  }

  #size(): number {
    const ticket = this.#random.int(0, 999);
    const kind = this.#phase.mix.findIndex((share) => ticket < share);
    const [low, high] = RANGES.at(kind)!;
    return low === 0 ? this.#random.int(low, high) : this.#random.spread(low, high);
  }

  #allocate(): void {
    const size = this.#size();
    const kind = this.#random.int(0, 9);
    if (kind < 6) {
      this.#added(malloc(size), size);
    } else if (kind < 9) {
      const count = this.#random.pick([1, 1, 2, 8, 24]);
      const pointer = calloc(count, Math.ceil(size / count));
      this.verifier.verifyZero(pointer, count * Math.ceil(size / count));
      this.#added(pointer, count * Math.ceil(size / count));
    } else {
      const alignment = 2 ** this.#random.int(0, 13);
      this.#added(alignedAlloc(alignment, size), size, alignment);
    }
  }

  #added(pointer: Pointer, size: number, alignment = 16): void {
    this.#history.push(this.verifier.add(pointer, size, usableSize(pointer), alignment));
  }

  /** To a size of any kind, or a little more or less: the step that an array takes when it grows. */
  #resize(block: Live): void {
    const nearby = Math.max(0, block.requested + this.#random.int(-64, 64));
    const size = this.#random.pick([
      this.#size(),
      nearby,
      Math.ceil(block.requested * 1.5),
      block.requested >> 1,
    ]);
    if (size > 2 * KIB * KIB) return;
    this.verifier.verify(block);
    const pointer = realloc(block.pointer as Pointer, size);
    this.#history.push(this.verifier.resize(block, pointer, size, usableSize(pointer)));
  }

  #release(block: Live): void {
    this.verifier.remove(block);
    free(block.pointer as Pointer);
  }

  #victim(order: Phase["order"]): Live {
    if (order === "newest") return this.#fromHistory(() => this.#newestLeft());
    if (order === "oldest") return this.#fromHistory(() => this.#oldestLeft());
    const block = this.#random.pick(this.verifier.blocks);
    if (order === "random") return block;
    // The block just above a random one, if it is there: neighbours that are freed together join.
    return this.verifier.get(block.pointer + block.usable + 8) ?? block;
  }

  #newestLeft(): Live | undefined {
    return this.#history.length > this.#oldest ? this.#history.pop() : undefined;
  }

  #oldestLeft(): Live | undefined {
    return this.#history.length > this.#oldest ? this.#history[this.#oldest++] : undefined;
  }

  #fromHistory(take: () => Live | undefined): Live {
    for (;;) {
      const block = take();
      if (block === undefined) return this.#random.pick(this.verifier.blocks);
      if (this.verifier.get(block.pointer) === block) return block;
    }
  }
}

/** In the heap, or in a mapping of its own. */
function isLive({ state }: { state: string }): boolean {
  return state === "live" || state === "mapped";
}

/** The live blocks of the heap's own account. */
function livePointers(): Set<number> {
  return new Set([...walk()].filter(isLive).map(({ pointer }) => pointer));
}

/** The heap and the verifier must name the same live blocks, each with its room, and the same sum. */
function compare(verifier: Verifier, known: ReadonlySet<number>, before: number): void {
  let seen = 0;
  for (const { pointer, size, state } of walk()) {
    if (!isLive({ state }) || known.has(pointer)) continue;
    const block = verifier.get(pointer);
    if (block === undefined) throw new Error(`walk: 0x${pointer.toString(16)} of ${size} bytes is not live`);
    if (size < block.requested) throw new Error(`walk: ${size} bytes, but ${block.requested} were requested`);
    seen++;
  }
  assert.is(seen, verifier.count, "walk names every live block once");
  assert.is(stats().allocated - before, verifier.usableBytes, "allocated is what the live blocks hold");
}

/** Runs `part`; what it throws is thrown on with the place in the walk and the way to repeat it. */
function located(steps: Walk, seed: number, part: () => void): void {
  try {
    part();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`operation ${steps.operation} of seed ${seed}: ${what}`, { cause });
  }
}

test("the verifier refuses overlap, misalignment, want of room and changed bytes", () => {
  const memory = new Uint8Array(256 * KIB);
  const verifier = new Verifier(1, (pointer, bytes) => memory.subarray(pointer, pointer + bytes));
  const block = verifier.add(32, 100, 104);
  const large = verifier.add(64 * KIB, 100_000, 100_008);
  assert.throws(() => verifier.add(128, 8, 24), /overlaps/);
  assert.throws(() => verifier.add(16, 24, 24), /overlaps/);
  assert.throws(() => verifier.add(160 * KIB, 8, 24), /overlaps/);
  assert.throws(() => verifier.add(200, 8, 24), /not aligned/);
  assert.throws(() => verifier.add(208, 32, 24), /were asked for/);
  assert.is(verifier.usableBytes, 104 + 100_008);
  for (const at of [32, 135, 64 * KIB + 70_000]) {
    const broken = at < large.pointer ? block : large;
    memory[at]! ^= 1;
    assert.throws(() => verifier.verify(broken), new RegExp(`byte ${at - broken.pointer} is`));
    assert.throws(() => verifier.verifyAll());
    memory[at]! ^= 1;
  }
  verifier.verifyAll();
  memory.copyWithin(200_000, 32, 136);
  const moved = verifier.resize(block, 200_000, 200, 200);
  assert.throws(() => verifier.remove(block), /is not live/);
  assert.throws(() => verifier.resize(moved, 220_000, 100, 104), /byte 0 is/);
  assert.throws(() => verifier.verifyZero(200_000, 8), /not 0/);
});

test(`a random walk of ${OPERATIONS} operations`, () => {
  const seed = testSeed("walk");
  const steps = new Walk(seed);
  const { verifier } = steps;
  const known = livePointers();
  const before = stats().allocated;
  located(steps, seed, () => {
    while (steps.operation < OPERATIONS) {
      for (let i = 0; i < BATCH; i++) steps.step();
      if (steps.operation % (20 * BATCH) === 0) trim();
      check();
      compare(verifier, known, before);
      verifier.verifyAll();
    }
    steps.freeAll();
    check();
    compare(verifier, known, before);
  });
});

test.run();
