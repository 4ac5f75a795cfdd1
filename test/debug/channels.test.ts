/**
 * The channels: growth and what was given back after the calls, errors as they are thrown; and nothing to nobody.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { channels, type ErrorMessage, type FootprintMessage } from "../../src/debug/index.js";
import { configure, free, HeapError, malloc, type Pointer, trim, view, write } from "../../src/index.js";

configure({ limit: 64 * 1024 * 1024 });

/** What is published on a channel while `work` runs, and until the stack is empty. */
async function heard<T>(name: string, work: () => void): Promise<T[]> {
  const messages: T[] = [];
  const hear = (message: unknown) => void messages.push(message as T);
  await null;
  subscribe(name, hear);
  try {
    work();
    await null;
    await null;
  } finally {
    unsubscribe(name, hear);
  }
  return messages;
}

let large: Pointer;

test("a mapping is told on the channel for growth, and its end on the one for what is given back", async () => {
  const [grown, ...more] = await heard<FootprintMessage>("heapwright:grow", () => {
    large = malloc(1_000_000);
  });
  assert.is(more.length, 0);
  assert.is(grown!.mmaps, 1);
  assert.ok(grown!.footprint >= 1_000_000);
  const [trimmed] = await heard<FootprintMessage>("heapwright:trim", () => free(large));
  assert.is(trimmed!.munmaps, 1);
});

test("a heap that grows is told, and one that is trimmed", async () => {
  let blocks: Pointer[] = [];
  const grown = await heard<FootprintMessage>("heapwright:grow", () => {
    blocks = Array.from({ length: 200 }, () => malloc(100_000));
    for (const block of blocks) view(block).fill(1);
  });
  assert.is(grown.length, 1, "all that happened in one run, in one message");
  const trimmed = await heard<FootprintMessage>("heapwright:trim", () => {
    blocks.forEach(free);
    trim();
  });
  assert.is(trimmed.length, 1);
  assert.ok(trimmed[0]!.trims > 0);
});

test("calls that change nothing of it are not told", async () => {
  free(malloc(100));
  assert.equal(await heard("heapwright:grow", () => free(malloc(100))), []);
  assert.equal(await heard("heapwright:trim", () => free(malloc(100))), []);
});

test("memory that is out is told with the error, which is then thrown", async () => {
  let thrown: unknown;
  const told = await heard<ErrorMessage>(channels.limit.name as string, () => {
    try {
      malloc(100 * 1024 * 1024);
    } catch (error) {
      thrown = error;
    }
  });
  assert.is(told.length, 1);
  assert.is(told[0]!.error, thrown);
  assert.is((thrown as HeapError).code, "ERR_OUT_OF_MEMORY");
});

test("an overwritten header is told", async () => {
  const block = malloc(20_000);
  const above = malloc(20_000);
  let thrown: unknown;
  const told = await heard<ErrorMessage>(channels.corrupt.name as string, () => {
    write.f64(block, 1, above - block - 8);
    try {
      free(block);
    } catch (error) {
      thrown = error;
    }
  });
  assert.instance(thrown, HeapError);
  assert.is((thrown as HeapError).code, "ERR_HEAP_CORRUPT");
  assert.is(told[0]!.error, thrown);
});

test.run();
