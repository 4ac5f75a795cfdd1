/**
 * Which thread this is, and whether another one lives.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, idle, malloc, thread } from "../src/index.js";
import { notNumbers, refusesEach } from "./access/refuse.js";
import { anotherThread } from "./support/thread.js";

test("a thread that others know by its number keeps it, and its heap, while it is idle", () => {
  idle(); // nobody knows it yet, and so the heap is handed over
  const { id } = thread;
  const block = malloc(100);
  idle();
  assert.ok(thread.isAlive(id));
  free(block);
  assert.is(thread.id, id);
  assert.ok(thread.isAlive(id));
});

test("each thread has a number of its own, until it ends", async () => {
  const first = await anotherThread();
  const second = await anotherThread();
  const ids = [thread.id, first.id, second.id];
  assert.is(new Set(ids).size, 3);
  for (const id of ids) assert.ok(Number.isInteger(id) && id > 0 && id < 2 ** 31, `${id}`);
  assert.equal(ids.map(thread.isAlive), [true, true, true]);
  await first.end();
  assert.equal(ids.map(thread.isAlive), [true, false, true]);
  const heir = await anotherThread(); // which has the first one's heap
  assert.not.ok(ids.includes(heir.id));
  assert.equal([...ids, heir.id].map(thread.isAlive), [true, false, true, true]);
  await second.end();
  await heir.end();
  assert.equal([...ids, heir.id].map(thread.isAlive), [true, false, false, false]);
});

test("wrong arguments", () => {
  refusesEach("thread.isAlive", "ERR_INVALID_ARG", notNumbers, thread.isAlive);
  const numbers = [0, -1, 0.5, 2 ** 31, 2 ** 32 + 5, Number.NaN, Infinity];
  refusesEach("thread.isAlive", "ERR_INVALID_ARG", numbers, thread.isAlive);
});

test.run();
