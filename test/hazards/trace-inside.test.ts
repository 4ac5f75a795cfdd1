/**
 * A trace function that uses the heap itself: it allocates and writes at every step, frees what it had before, throws,
 * switches tracing off. Neither its blocks nor the program's are harmed.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  check,
  configure,
  free,
  Heap,
  malloc,
  type Pointer,
  realloc,
  stats,
  type TraceEvent,
  trim,
  usableSize,
  view,
} from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { Verifier } from "../support/verifier.js";

const reach = (pointer: number, bytes: number) => view(pointer as Pointer, bytes);

/** Blocks with verified contents. */
class Blocks {
  readonly verifier: Verifier;

  constructor(seed: number) {
    this.verifier = new Verifier(seed, reach);
  }

  add(size: number): void {
    const pointer = malloc(size);
    this.verifier.add(pointer, size, usableSize(pointer));
  }

  resize(at: number, size: number): void {
    const block = this.verifier.blocks[at]!;
    const pointer = realloc(block.pointer as Pointer, size);
    this.verifier.resize(block, pointer, size, usableSize(pointer));
  }

  remove(at = 0): void {
    const block = this.verifier.blocks[at]!;
    this.verifier.remove(block);
    free(block.pointer as Pointer);
  }

  removeAll(): void {
    while (this.verifier.count > 0) this.remove();
  }
}

/** Runs `work` while `listener` hears every step; the heap must be whole afterwards. */
function traced(listener: (event: TraceEvent) => void, work: () => void): void {
  configure({ trace: listener });
  try {
    work();
  } finally {
    configure({ trace: false });
  }
  check();
}

test("it may allocate while memory is given back", () => {
  const ours = new Blocks(1);
  const theirs = new Blocks(2);
  const holes: Pointer[] = [];
  for (let i = 0; i < 20; i++) {
    holes.push(malloc(30_000 + i * 5_000));
    ours.add(2_000);
  }
  for (const pointer of holes) free(pointer);
  traced(
    ({ step }) => {
      // The largest holes are purged last: it takes those that are still to come.
      if (step === "purge") theirs.add(120_000);
    },
    () => trim(),
  );
  assert.ok(theirs.verifier.count > 0, "it heard of purges");
  theirs.verifier.verifyAll();
  ours.removeAll();
  theirs.removeAll();
  check();
  assert.is(stats().blocks, 0);
});

test("it may allocate while the heap grows, and a block in place", () => {
  const ours = new Blocks(3);
  const theirs = new Blocks(4);
  const listener = ({ step }: TraceEvent) => {
    if (step === "grow") theirs.add(90_000);
  };
  traced(listener, () => {
    for (let i = 0; i < 100; i++) {
      ours.add(50_000);
      ours.resize(ours.verifier.count - 1, 110_000);
    }
  });
  assert.ok(theirs.verifier.count > 3, "it heard of growth");
  ours.verifier.verifyAll();
  theirs.verifier.verifyAll();
  ours.removeAll();
  theirs.removeAll();
  check();
  assert.is(stats().blocks, 0);
});

test("it may allocate and free at every step", () => {
  const seed = testSeed("trace function with blocks of its own");
  const random = new Random(seed);
  const ours = new Blocks(seed + 1);
  const theirs = new Blocks(seed + 2);
  const heard = new Set<string>();
  const listener = ({ step }: TraceEvent) => {
    heard.add(step);
    theirs.add(random.spread(1, 20_000));
    if (theirs.verifier.count > 40) theirs.remove(random.int(0, theirs.verifier.count - 1));
  };
  traced(listener, () => {
    for (let step = 0; step < 3000; step++) {
      const count = ours.verifier.count;
      if (count > 150 || (count > 0 && random.chance(0.35))) ours.remove(random.int(0, count - 1));
      else if (count > 0 && random.chance(0.3))
        ours.resize(random.int(0, count - 1), random.spread(1, 200_000));
      else ours.add(random.spread(1, 200_000));
      if (step % 100 === 0) trim();
      if (step % 50 === 0) check();
    }
  });
  for (const step of ["coalesce forward", "coalesce backward", "split", "purge", "mmap"]) {
    assert.ok(heard.has(step), `it heard of ${step}`);
  }
  ours.verifier.verifyAll();
  theirs.verifier.verifyAll();
  ours.removeAll();
  theirs.removeAll();
  check();
  assert.is(stats().blocks, 0);
});

test("it is not told of what it does itself", () => {
  let told = 0;
  const listener = () => {
    told++;
    free(malloc(10));
  };
  traced(listener, () => free(malloc(30)));
  assert.is(told, 2);
});

/** Two neighbours between others that are live, each as large as is never cached. */
function neighbours(): [Pointer, Pointer] {
  const blocks: Pointer[] = [];
  for (let tries = 0; tries < 50; tries++) {
    for (let i = 0; i < 20; i++) blocks.push(malloc(30_000));
    blocks.sort((one, other) => one - other);
    const follows = (i: number) => blocks[i + 1] === blocks[i]! + usableSize(blocks[i]!) + 8;
    const first = blocks.findIndex(
      (_, i) => i + 3 < blocks.length && follows(i) && follows(i + 1) && follows(i + 2),
    );
    if (first >= 0) return [blocks[first + 1]!, blocks[first + 2]!];
  }
  throw new Error("no four in a row");
}

/** By step, what comes by it: done while nobody listens, and then what is told. */
const works: Record<TraceEvent["step"], () => () => unknown> = {
  malloc: () => () => malloc(2000),
  calloc: () => () => calloc(1, 2000),
  realloc() {
    const block = malloc(2000);
    return () => realloc(block, 60_000);
  },
  aligned: () => () => alignedAlloc(256, 2000),
  free() {
    const [a] = neighbours();
    return () => free(a);
  },
  split() {
    const [a, b] = neighbours();
    free(a);
    free(b);
    // The first may find a block that fits as it is: what is free is a matter of chance.
    return () => {
      for (let i = 0; i < 10; i++) malloc(20_000);
    };
  },
  "coalesce forward"() {
    const [a, b] = neighbours();
    free(b);
    return () => free(a);
  },
  "coalesce backward"() {
    const [a, b] = neighbours();
    free(a);
    return () => free(b);
  },
  mmap: () => () => malloc(300_000),
  munmap() {
    const block = malloc(300_000);
    return () => free(block);
  },
  mremap() {
    const block = malloc(300_000);
    return () => realloc(block, 500_000);
  },
  purge() {
    const [a, b] = neighbours();
    free(a);
    free(b);
    return () => trim();
  },
  grow: () => () => {
    for (let i = 0; i < 100; i++) malloc(120_000);
  },
  shrink() {
    const heaps = [new Heap(), new Heap()];
    for (const heap of heaps) heap.malloc(10); // so that the segment of the first one cannot grow
    for (let i = 0; i < 20; i++) heaps[0]!.malloc(100_000);
    return () => heaps[0]!.destroy();
  },
};

for (const [step, prepare] of Object.entries(works)) {
  test(`it may throw at the step ${step}: the caller gets the error, and the heap is whole`, () => {
    const ours = new Blocks(5);
    for (let i = 0; i < 40; i++) ours.add(1500 + i * 16);
    const work = prepare();
    const listener = (event: TraceEvent) => {
      if (event.step === step) throw new Error("from the listener");
    };
    assert.throws(() => traced(listener, work), "from the listener");
    check();
    ours.verifier.verifyAll();
    ours.removeAll();
    check();
  });
}

test("it may switch tracing off", () => {
  let told = 0;
  const listener = () => {
    told++;
    configure({ trace: false });
  };
  traced(listener, () => {
    for (let i = 0; i < 10; i++) free(malloc(3000));
  });
  assert.is(told, 1);
});

test.run();
