/**
 * Queue: what one thread sees of it, beside an array; then several threads, of which some are terminated.
 */
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Queue } from "../../src/containers/index.js";
import { check, free, malloc, type Pointer, read, stats, write } from "../../src/index.js";
import { refusesEach } from "../access/refuse.js";
import { findings } from "../support/child.js";
import { testSeed } from "../support/seed.js";
import { anotherThread } from "../support/thread.js";
import { throwsHeapError } from "../support/throws.js";
import { compiled } from "../threads/compiled.js";
import { judgeQueue } from "./judge.js";
import type { Findings } from "./programs/queue.js";

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value);

test("behaves like an array of records with a limit", () => {
  const seed = testSeed("queue");
  const step = fc.oneof(fc.record({ push: fc.uint8Array({ maxLength: 90 }) }), fc.constant({ push: null }));
  const property = fc.property(
    fc.integer({ min: 64, max: 200 }),
    fc.array(step, { maxLength: 200 }),
    (size, steps) => {
      using queue = new Queue(size);
      const other = Queue.at(queue.pointer);
      const model: Uint8Array[] = [];
      const takes = ({ length }: Uint8Array) =>
        length > queue.longestInRing ? 12 : 4 + Math.ceil(length / 4) * 4;
      const used = () => model.reduce((sum, record) => sum + takes(record), 0);
      for (const { push } of steps) {
        if (push === null) {
          const wanted = model.shift();
          assert.equal(other.shift(0), wanted && Buffer.from(wanted));
        } else {
          const fits = used() + takes(push) <= queue.capacity;
          assert.is(queue.push(push, 0), fits);
          if (fits) model.push(push);
        }
        assert.is(queue.bytes, used());
      }
    },
  );
  fc.assert(property, { seed, numRuns: 100 });
  assert.is(stats().blocks, 0);
});

const [TAIL, WRITE_LOCK, HEAD, READ_LOCK] = [64, 68, 128, 132];

test("positions go around 2^32", () => {
  using queue = new Queue(64);
  for (const word of [TAIL, HEAD]) write.u32(queue.pointer, 2 ** 32 - 24, word);
  for (let i = 0; i < 20; i++) {
    assert.ok(queue.push(bytes(13, i), 0));
    assert.ok(queue.push(bytes(30, i), 0));
    assert.not.ok(queue.push(bytes(30, i), 0));
    assert.equal([queue.shift(0)!.length, queue.shift(0)![29], queue.shift(0)], [13, i, undefined]);
  }
});

test("waits as long as it is told", () => {
  using queue = new Queue(64);
  const from = performance.now();
  assert.is(queue.shift(30), undefined);
  assert.ok(performance.now() - from >= 29);
  assert.ok(queue.push(bytes(60)));
  assert.not.ok(queue.push(bytes(0), 150), "longer than a thread sleeps at a time");
  assert.ok(performance.now() - from >= 178);
});

test("shiftAsync() lets the event loop go on", async () => {
  using queue = new Queue(64);
  assert.is(await queue.shiftAsync(0), undefined);
  assert.is(await queue.shiftAsync(20), undefined);
  const first = queue.shiftAsync();
  const second = queue.shiftAsync(10_000);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await new Promise((resolve) => setTimeout(resolve, 150)); // longer than it waits at a time
  queue.push(bytes(3));
  assert.is((await first)?.length, 3);
  assert.ok(turns > 3, `${turns} turns`);
  queue.close();
  assert.is(await second, undefined);
  clearInterval(timer);
  await rejects(() => queue.shiftAsync("1" as never));
});

async function rejects(work: () => Promise<unknown>): Promise<void> {
  const error = await work().catch((error: unknown) => error);
  throwsHeapError(() => {
    throw error;
  }, "ERR_INVALID_ARG");
}

test("who does not wait does not ask to be woken", () => {
  using queue = new Queue(64);
  queue.shift(0);
  queue.push(bytes(60), 0);
  queue.push(bytes(60), 0);
  assert.equal([read.u32(queue.pointer, 72), read.u32(queue.pointer, 136)], [0, 0]);
});

test("after close() nothing is added, and what is there is taken", () => {
  using queue = new Queue(64);
  queue.push(bytes(5));
  assert.not.ok(queue.closed);
  queue.close();
  assert.ok(Queue.at(queue.pointer).closed);
  throwsHeapError(() => queue.push(bytes(1)), "ERR_INVALID_STATE", /closed/);
  assert.is(queue.shift()?.length, 5);
  assert.is(queue.shift(), undefined);
});

test("what node:vm cuts off lets go of the locks when the stack is empty", async () => {
  using queue = new Queue(1024);
  const work = () => {
    for (;;) if (!queue.push(bytes(40), 0)) while (queue.shift(0) !== undefined) {}
  };
  const locks = () => [WRITE_LOCK, READ_LOCK].map((word) => read.u32(queue.pointer, word));
  let held = 0;
  for (let i = 0; i < 500 && held < 5; i++) {
    assert.throws(() => runInNewContext("work()", { work }, { timeout: 2 }), /timed out/);
    if (locks().some((word) => word !== 0)) held++;
    await null;
    assert.equal(locks(), [0, 0]);
  }
  assert.ok(held > 0, "it was cut off while it held a lock");
});

test("a lock of a thread that lives is waited for, and a dead one's is taken over", async () => {
  using queue = new Queue(64);
  const { id, end } = await anotherThread();
  const hold = () => {
    for (const word of [WRITE_LOCK, READ_LOCK]) write.u32(queue.pointer, id, word);
  };
  queue.push(bytes(4));
  hold();
  assert.not.ok(queue.push(bytes(4), 0));
  assert.not.ok(queue.push(bytes(4), 20));
  assert.is(queue.shift(20), undefined);
  await end();
  assert.ok(queue.push(bytes(5)));
  assert.is(queue.shift()?.length, 4);
  hold();
  assert.is(queue.shift()?.length, 5);
});

const [FRESH, TAKEN] = [80, 144];

test("what was noted of a long record by a thread that ended is freed once", () => {
  const blocks = () => stats().blocks;
  /** A queue with one long record at `position`, and the block that it lies in. */
  const withLong = (position: number) => {
    const queue = new Queue(64);
    for (const word of [TAIL, HEAD]) write.u32(queue.pointer, position, word);
    queue.push(bytes(5000, position));
    return { queue, block: read.f64(queue.pointer, 192 + position + 4) as Pointer };
  };
  const note = (queue: Queue, word: number, block: Pointer, position: number) => {
    write.f64(queue.pointer, block, word);
    write.u32(queue.pointer, position, word + 8);
  };
  const before = blocks();
  for (const goOn of [true, false]) {
    const first = withLong(4); // a writer that ended before tail was stored
    note(first.queue, FRESH, malloc(5000), 16);
    if (goOn) first.queue.push(bytes(3), 0);
    if (goOn) assert.is(blocks() - before, 2);
    first.queue.free();
    assert.is(blocks(), before);

    const second = withLong(4); // and after it
    note(second.queue, FRESH, second.block, 4);
    if (goOn) second.queue.push(bytes(3), 0);
    if (goOn) assert.equal([second.queue.shift()!.length, second.queue.shift()!.length], [5000, 3]);
    second.queue.free();
    assert.is(blocks(), before);

    const third = withLong(4); // a reader that ended before head was stored
    note(third.queue, TAKEN, third.block, 4);
    if (goOn) assert.equal(third.queue.shift(), Buffer.alloc(5000, 4));
    third.queue.free();
    assert.is(blocks(), before);

    const fourth = withLong(4); // and after it
    note(fourth.queue, TAKEN, fourth.block, 4);
    write.u32(fourth.queue.pointer, 16, HEAD);
    if (goOn) assert.is(fourth.queue.shift(0), undefined);
    if (goOn) assert.is(blocks() - before, 1);
    fourth.queue.free();
    assert.is(blocks(), before);
  }
  check();
});

test("what node:vm cuts off of long records loses a block at the most", async () => {
  const before = stats().blocks;
  const ROUNDS = 60;
  for (let i = 0; i < ROUNDS; i++) {
    const queue = new Queue(64);
    const work = () => {
      for (;;) {
        queue.push(bytes(300), 0);
        queue.push(bytes(5), 0);
        if (queue.bytes > 30) while (queue.shift(0) !== undefined) {}
      }
    };
    assert.throws(() => runInNewContext("work()", { work }, { timeout: 1 }), /timed out/);
    await null;
    for (let record = queue.shift(0); record !== undefined; record = queue.shift(0)) {
      assert.ok(record.every((byte) => byte === 7) && (record.length === 300 || record.length === 5));
    }
    queue.free();
    assert.ok(stats().blocks - before <= i + 1, `${stats().blocks - before} blocks after ${i + 1}`);
  }
  assert.ok(stats().blocks - before < ROUNDS / 2, `${stats().blocks - before} blocks`);
  check();
});

test("wrong arguments", () => {
  refusesEach(
    "new Queue",
    "ERR_INVALID_ARG",
    ["64", null, 64n, 0, 63, -1, 2 ** 30 + 1, Number.NaN, Infinity],
    (size) => new Queue(size),
  );
  const queue = new Queue(100);
  assert.is(queue.capacity, 128);
  const notBytes = [
    "text",
    null,
    undefined,
    [1],
    new Uint16Array(1),
    new ArrayBuffer(4),
    new DataView(new ArrayBuffer(4)),
  ];
  refusesEach("push", "ERR_INVALID_ARG", notBytes, (record) => queue.push(record));
  throwsHeapError(
    () => queue.push({ __proto__: Uint8Array.prototype, length: 5 } as never),
    "ERR_INVALID_ARG",
    /a Uint8Array/,
  );
  refusesEach("push", "ERR_INVALID_ARG", ["5", null, 5n, Number.NaN], (time) => queue.push(bytes(1), time));
  refusesEach("shift", "ERR_INVALID_ARG", ["5", null, 5n, Number.NaN], (time) => queue.shift(time));
  const block = malloc(300);
  throwsHeapError(() => Queue.at(block), "ERR_INVALID_POINTER", /something else/);
  free(block);
  throwsHeapError(() => Queue.at(8 as Pointer), "ERR_INVALID_POINTER");
  queue.free();
  throwsHeapError(() => Queue.at(queue.pointer), "ERR_DOUBLE_FREE");
  throwsHeapError(() => queue.free(), "ERR_DOUBLE_FREE");
  check();
});

test("two writers and two readers, of which some are terminated", async () => {
  const found = await findings<Findings>(compiled("queue", "containers/programs"), { args: ["6"] });
  judgeQueue(found, 6);
});

test.run();
