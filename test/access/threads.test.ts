/**
 * Structs, strings and views reach the blocks of every thread: a worker works on what the main thread allocated, and the
 * main thread on what the worker allocated.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, cstring, free, malloc, readCString, typed } from "../../src/index.js";
import { Entry, type workOn } from "./in-worker.js";

const COUNT = 500;

test("one thread allocates, another reads, writes, frees and allocates", async () => {
  const entries = Entry.array(COUNT);
  const large = malloc(300_000);
  for (let i = 0; i < COUNT; i++) {
    const entry = entries.at(i);
    entry.name = `é${i}`;
    entry.text = cstring(`text ${i}`);
    entry.value = i / 2;
    entry.next = entries.pointerAt((i + 1) % COUNT);
  }
  const worker = new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), {
    workerData: {
      module: new URL("./in-worker.ts", import.meta.url).href,
      run: "workOn",
      args: [entries.pointer, COUNT, large],
    },
  });
  const exited = once(worker, "exit"); // from now on: the end may come in the same turn as the message
  const [seen] = (await once(worker, "message")) as [ReturnType<typeof workOn>];
  await exited;
  assert.equal([seen.names.at(7), seen.texts.at(7), seen.names.length], ["é7", "text 7", COUNT]);
  assert.equal([...typed(Float64Array, large, 8)], [1, 2, 3, 4, 1, 2, 3, 4]);
  let i = 0;
  for (const entry of entries) {
    assert.is(entry.value, i);
    assert.is(readCString(entry.text), `from a worker: é${i++}`);
    free(entry.text);
  }
  free(entries.pointer);
  free(large);
  check();
});

test.run();
