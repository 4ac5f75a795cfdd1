/**
 * Leaks: which line allocated what is live, in this thread; what grew; and the check for tests.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { expectNoLeaks, LeakError, leaks } from "../../src/debug/index.js";
import {
  Arena,
  alignedAlloc,
  alignedRealloc,
  calloc,
  cstring,
  free,
  Heap,
  HeapError,
  malloc,
  type Pointer,
  realloc,
  recalloc,
  Scope,
  struct,
} from "../../src/index.js";

test.before.each(() => leaks.start());
test.after.each(() => leaks.stop());

function allocateHere(): Pointer {
  return malloc(100);
}

test("a block is listed with the line that allocated it, its bytes and its age, until it is freed", () => {
  const before = Date.now();
  const blocks = [allocateHere(), allocateHere()];
  const { groups, bytes, count } = leaks.report();
  assert.is(groups.length, 2, "two lines called");
  assert.is(bytes, 200);
  assert.is(count, 2);
  const [group] = groups;
  assert.is(group!.via, "malloc");
  assert.is(group!.stack[0]!.function, "allocateHere");
  assert.match(group!.stack[0]!.file, /leaks\.test\.[jt]s$/);
  assert.ok(group!.oldest >= before - 1 && group!.oldest <= Date.now() + 1);
  assert.is(group!.thread.id, 0);
  assert.ok(group!.thread.isAlive);
  for (const block of blocks) free(block);
  assert.is(leaks.report().count, 0);
});

test("each way to allocate is noted, and named by what the program called", () => {
  const Point = struct({ x: "f64" });
  const arena = new Arena();
  const scope = new Scope();
  const heap = new Heap();
  const ways: Record<string, Pointer> = {
    malloc: malloc(10),
    calloc: calloc(2, 10),
    alignedAlloc: alignedAlloc(64, 10),
    large: malloc(1_000_000),
    cstring: cstring("text"),
    "struct.alloc": Point.alloc().pointer,
    "Scope.malloc": scope.malloc(10),
    "Heap.malloc": heap.malloc(10),
    "Heap.calloc": heap.calloc(1, 10),
    "Heap.alignedAlloc": heap.alignedAlloc(64, 10),
  };
  arena.malloc(10);
  const found = leaks.report();
  const via = (pointer: Pointer) => found.groups.find(({ pointers }) => pointers.includes(pointer))?.via;
  for (const [name, pointer] of Object.entries(ways))
    assert.is(via(pointer), name === "large" ? "malloc" : name, name);
  assert.ok(found.groups.some((group) => group.via === "Arena.malloc"));
  assert.is(found.count, Object.keys(ways).length + 1);
  arena.dispose();
  scope.dispose();
  heap.destroy();
  for (const [name, pointer] of Object.entries(ways)) if (!/^(Scope|Heap)/.test(name)) free(pointer);
  assert.is(leaks.report().count, 0, "also what a scope, an arena and a heap have freed");
});

test("a block that is resized is noted where it was resized last, with its new size, wherever it lies", () => {
  for (const resize of [
    realloc,
    recalloc,
    (pointer: Pointer, size: number) => alignedRealloc(pointer, 64, size),
  ]) {
    for (const [from, to] of [
      [100, 100],
      [100, 50],
      [100, 5000],
      [5000, 100],
      [20_000, 30_000],
      [500_000, 900_000],
      [900_000, 600_000],
      [900_000, 100],
    ] as const) {
      const block = resize(malloc(from), to);
      const { groups, bytes } = leaks.report();
      assert.is(bytes, to, `${resize.name} from ${from} to ${to}`);
      assert.is(groups.length, 1);
      assert.is(groups[0]!.pointers[0], block);
      free(block);
      assert.is(leaks.report().count, 0);
    }
  }
});

test("what grew between two snapshots is told, and a snapshot may have been JSON meanwhile", () => {
  const first = malloc(100);
  const before = JSON.parse(JSON.stringify(leaks.snapshot()));
  const more = [1, 2, 3].map(allocateHere);
  free(first);
  const grown = leaks.compare(before);
  assert.is(grown.bytes, 300);
  assert.is(grown.count, 3);
  assert.is(grown.groups[0]!.stack[0]!.function, "allocateHere");
  for (const block of more) free(block);
  assert.is(leaks.compare(before).count, 0);
});

test("what is kept on purpose is in no group, but in a sum", () => {
  const block = leaks.keep(malloc(100));
  const { count, keptBytes, keptCount } = leaks.report();
  assert.equal([count, keptBytes, keptCount], [0, 100, 1]);
  free(block);
  assert.is(leaks.report().keptCount, 0);
  const again = malloc(100);
  assert.is(leaks.report().count, 1, "its place is another block's now");
  free(again);
});

test("the text names the largest first, and stops at the wanted number of lines", () => {
  const blocks = [malloc(10), malloc(1000), malloc(100)];
  const text = leaks.report().toString();
  assert.match(text, /^3 blocks, 1110 bytes, of 3 stacks/);
  assert.ok(text.indexOf("1000 bytes in 1 block") < text.indexOf("100 bytes in 1 block"));
  const short = leaks.report().toString(12).split("\n");
  assert.ok(short.length <= 13, `${short.length} lines`);
  assert.match(short.at(-1)!, /more of \d other stacks/);
  for (const block of blocks) free(block);
  assert.is(String(leaks.report()), "no live blocks");
});

test("expectNoLeaks passes on results and errors, and throws with the report for what is left", async () => {
  const freed = () => {
    free(malloc(1));
    return 7;
  };
  assert.is(await expectNoLeaks(freed), 7);
  const failed = await expectNoLeaks(() => Promise.reject(new Error("mine"))).catch(
    (error: unknown) => error,
  );
  assert.is((failed as Error).message, "mine");
  const old = malloc(50);
  const left: Pointer[] = [];
  const error = await expectNoLeaks(async () => {
    await null;
    left.push(allocateHere());
  }).catch((error: unknown) => error);
  assert.instance(error, LeakError);
  assert.is((error as LeakError).report.bytes, 100, "and not what was there before");
  assert.match((error as LeakError).message, /allocateHere/);
  for (const block of [old, ...left]) free(block);
});

test("what is no snapshot, of another version, no pointer or no function is refused", async () => {
  const refused = (call: () => unknown, message: RegExp) =>
    assert.throws(call, (error: unknown) => {
      assert.instance(error, HeapError);
      assert.is((error as HeapError).code, "ERR_INVALID_ARG");
      assert.match((error as HeapError).message, message);
      return true;
    });
  refused(() => leaks.compare(null as never), /leaks.compare: give what leaks.snapshot\(\) returned/);
  refused(() => leaks.compare({ ...leaks.snapshot(), version: 2 }), /version 2/);
  refused(() => leaks.keep("x" as never), /leaks.keep/);
  const error = await expectNoLeaks(3 as never).catch((error: unknown) => error);
  assert.instance(error, HeapError);
});

test("notes take a bounded amount of memory, and their places are used again", () => {
  const round = () => {
    const blocks = Array.from({ length: 1000 }, () => malloc(64));
    for (const block of blocks) free(block);
    return leaks.report().notesBytes;
  };
  const once = round();
  assert.ok(once < 1000 * 48 + 20_000, `${once} bytes for 1,000 blocks`);
  for (let i = 0; i < 5; i++) assert.is(round(), once);
});

test("stopped, nothing is noted, and fast paths are open again", () => {
  leaks.stop();
  const block = malloc(100);
  assert.is(leaks.report().count, 0);
  assert.not.ok(leaks.isOn);
  free(block);
});

test("Error.prepareStackTrace and stackTraceLimit of the program's are as they were", () => {
  const mine = () => "mine";
  const limit = Error.stackTraceLimit;
  Error.prepareStackTrace = mine;
  try {
    const block = allocateHere();
    assert.is(Error.prepareStackTrace, mine);
    assert.is(leaks.report().groups[0]!.stack[0]!.function, "allocateHere");
    free(block);
  } finally {
    delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  }
  assert.is(Error.stackTraceLimit, limit);
});

test.run();
