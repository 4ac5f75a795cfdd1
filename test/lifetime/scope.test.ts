/**
 * Scopes free their blocks once, however they end, and nothing but their blocks.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, free, HeapError, malloc, NULL, type Pointer, Scope, stats, view } from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { patience } from "../support/surroundings.js";

const ended = new Error("on purpose");
const allocated = () => stats().allocated;

/** Ways to use a scope; each hands it to `work` and ends it. */
const ways: Record<string, (work: (scope: Scope) => void) => void> = {
  using: (work) => {
    using scope = new Scope();
    work(scope);
  },
  dispose: (work) => {
    const scope = new Scope();
    try {
      work(scope);
    } finally {
      scope.dispose();
    }
  },
  run: (work) => Scope.run(work),
};

/** A block from each function, one of them with a mapping of its own. */
function blocksOf(scope: Scope): Pointer[] {
  const grown = scope.realloc(scope.malloc(10), 10_000);
  return [
    scope.malloc(0),
    scope.malloc(64),
    scope.calloc(10, 10),
    scope.alignedAlloc(4096, 100),
    scope.realloc(NULL, 50),
    scope.malloc(300_000),
    grown,
  ];
}

for (const [way, use] of Object.entries(ways)) {
  test(`${way}: all blocks are freed at the end`, () => {
    const before = allocated();
    let blocks: Pointer[] = [];
    use((scope) => {
      blocks = blocksOf(scope);
      for (const pointer of blocks) view(pointer).fill(1);
      assert.is(new Set(blocks).size, blocks.length);
      assert.ok(allocated() > before + 310_000);
    });
    assert.is(allocated(), before);
    for (const pointer of blocks) refused(() => free(pointer), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
    check();
  });

  test(`${way}: all blocks are freed when the code throws, and its error arrives`, () => {
    const before = allocated();
    let reached: unknown;
    try {
      use((scope) => {
        blocksOf(scope);
        throw ended;
      });
    } catch (error) {
      reached = error;
    }
    assert.is(reached, ended);
    assert.is(allocated(), before);
  });
}

test("an allocation that is refused leaves the scope as it was", () => {
  const before = allocated();
  Scope.run((scope) => {
    const block = scope.malloc(100);
    view(block).fill(7);
    const held = allocated();
    refused(() => scope.malloc(2 ** 52), "ERR_OUT_OF_MEMORY");
    refused(() => scope.realloc(block, 2 ** 52), "ERR_OUT_OF_MEMORY");
    refused(() => scope.malloc(-1), "ERR_INVALID_ARG");
    refused(() => scope.calloc(2 ** 30, 2 ** 30), "ERR_INVALID_ARG");
    refused(() => scope.alignedAlloc(3, 10), "ERR_INVALID_ARG");
    assert.is(allocated(), held);
    assert.ok(view(block).every((byte) => byte === 7));
  });
  assert.is(allocated(), before);
});

test("calloc clears what was dirty, alignedAlloc aligns, realloc keeps contents wherever it moves", () => {
  Scope.run((scope) => {
    view(scope.malloc(1000)).fill(0xff);
  });
  Scope.run((scope) => {
    assert.ok(view(scope.calloc(10, 100), 1000).every((byte) => byte === 0));
    assert.is(scope.alignedAlloc(1024, 10) % 1024, 0);
    let block = scope.malloc(16);
    view(block, 16).fill(9);
    for (const size of [100, 5000, 500_000, 40]) {
      block = scope.realloc(block, size);
      assert.ok(
        view(block, 16).every((byte) => byte === 9),
        `after realloc to ${size}`,
      );
    }
  });
});

test("an inner scope ends without its outer one, and throws through it", () => {
  const before = allocated();
  const outer = new Scope();
  const mine = outer.malloc(100);
  const held = allocated();
  assert.throws(() => {
    using middle = new Scope();
    middle.malloc(200);
    using inner = new Scope();
    inner.malloc(300);
    throw ended;
  }, /on purpose/);
  assert.is(allocated(), held);
  view(mine, 100).fill(1);
  outer.dispose();
  assert.is(allocated(), before);
});

test("what is kept outlives its scope, and moves to another by adopt", () => {
  const before = allocated();
  const outer = new Scope();
  const [kept, adopted] = Scope.run((scope) => {
    scope.malloc(100);
    const pair = [scope.malloc(200), scope.malloc(300)] as const;
    view(pair[0]).fill(5);
    assert.is(outer.adopt(scope.keep(pair[1])), pair[1]);
    refused(() => scope.free(pair[1]), "ERR_INVALID_POINTER");
    return [scope.keep(pair[0]), pair[1]];
  });
  assert.ok(view(kept).every((byte) => byte === 5));
  view(adopted).fill(1);
  free(kept);
  outer.adopt(adopted); // once more makes no difference
  outer.dispose();
  assert.is(allocated(), before);
});

test("free before the end, of NULL too", () => {
  const before = allocated();
  Scope.run((scope) => {
    const block = scope.malloc(1000);
    scope.free(block);
    scope.free(NULL);
    assert.is(allocated(), before);
    refused(() => scope.free(block), "ERR_INVALID_POINTER");
  });
});

test("what is no block of the scope is refused, and stays as it is", () => {
  const other = malloc(100);
  Scope.run((scope) => {
    scope.malloc(10);
    for (const wrong of [other, other + 16, 0.5, Number.NaN, "text", undefined] as Pointer[]) {
      refused(() => scope.free(wrong), "ERR_INVALID_POINTER");
      refused(() => scope.keep(wrong), "ERR_INVALID_POINTER");
      refused(() => scope.realloc(wrong, 10), "ERR_INVALID_POINTER");
    }
    for (const wrong of [other + 16, NULL, "text"] as Pointer[]) {
      refused(() => scope.adopt(wrong), "ERR_INVALID_POINTER");
    }
  });
  free(other);
});

test("after its end a scope refuses everything but another end", () => {
  const scope = new Scope();
  const block = scope.keep(scope.malloc(10));
  assert.not(scope.disposed);
  scope.dispose();
  scope.dispose();
  scope[Symbol.dispose]();
  assert.ok(scope.disposed);
  const uses = [
    () => scope.malloc(1),
    () => scope.calloc(1, 1),
    () => scope.alignedAlloc(8, 1),
    () => scope.realloc(block, 100),
    () => scope.free(block),
    () => scope.keep(block),
    () => scope.adopt(block),
  ];
  const before = allocated();
  for (const use of uses) refused(use, "ERR_DISPOSED");
  assert.is(allocated(), before);
  free(block);
});

test("a block that was freed behind the scope's back is told at the end; the others are freed", () => {
  const before = allocated();
  const scope = new Scope();
  const blocks = Array.from({ length: 5 }, () => scope.malloc(5000));
  free(blocks[2]!);
  refused(() => scope.dispose(), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
  assert.is(allocated(), before);
  scope.dispose();
});

test("when the code and the end both throw, both errors arrive", () => {
  let reached: unknown;
  try {
    Scope.run((scope) => {
      free(scope.malloc(5000));
      throw ended;
    });
  } catch (error) {
    reached = error;
  }
  const { name, error, suppressed } = reached as SuppressedError;
  assert.is(name, "SuppressedError");
  assert.is(suppressed, ended);
  assert.ok(error instanceof HeapError);
});

test("run ends with the promise that the function returns", async () => {
  const before = allocated();
  const sum = Scope.run(async (scope) => {
    const block = scope.malloc(1000);
    await new Promise(setImmediate);
    return view(block).fill(2)[999];
  });
  assert.ok(allocated() > before);
  assert.is(await sum, 2);
  assert.is(allocated(), before);
  let reached: unknown;
  const failing = Scope.run(async (scope) => {
    scope.malloc(1000);
    await new Promise(setImmediate);
    throw ended;
  });
  await failing.catch((error: unknown) => (reached = error));
  assert.is(reached, ended);
  assert.is(allocated(), before);
});

test("many blocks, taken out from the oldest on, take linear time", () => {
  const count = 200_000; // a minute, were each looked for from the newest on
  const before = allocated();
  Scope.run((scope) => {
    const blocks = Array.from({ length: count }, () => scope.malloc(16));
    const start = performance.now();
    for (let i = 0; i < count; i += 2) scope.free(blocks[i]!);
    assert.ok(performance.now() - start < patience(20_000));
  });
  assert.is(allocated(), before);
});

test.run();
