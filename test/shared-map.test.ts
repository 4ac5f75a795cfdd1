/**
 * The example of a map that threads share: runs, verifies itself, and leaves nothing behind.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SharedMap } from "../scripts/shared-map/map.js";
import { check, free, NULL, type Pointer, stats } from "../src/index.js";
import { runProgram } from "./support/child.js";
import { Random, testSeed } from "./support/seed.js";

test("one worker writes, two read what it writes as it comes", async () => {
  const { code, stdout, stderr } = await runProgram(new URL("../scripts/shared-map.ts", import.meta.url), {
    args: ["3500"],
  });
  assert.is(stderr, "");
  assert.is(code, 0);
  assert.match(stdout, /^3500 records .* read by 2/);
  assert.match(stdout, /all of them\n +shared heap +\d+ ms\n +postMessage +\d+ ms\n/);
  assert.match(stdout, /one of 20\n +shared heap +\d+ ms\n +postMessage +\d+ ms\n0 bytes are left/);
});

test("the map agrees with a Map, over random keys and values of many lengths", () => {
  const random = new Random(testSeed("shared map"));
  const before = stats().allocated;
  const map = new SharedMap(SharedMap.newIndex(300));
  const model = new Map<string, string>();
  for (let i = 0; i < 3000; i++) {
    const key = `${"ä".repeat(random.int(0, 5))}${random.int(0, 299)}`.slice(-4);
    assert.is(map.get(key), model.get(key));
    if (model.size === 300 && !model.has(key)) continue;
    const value = "€".repeat(random.spread(1, 500));
    const old = map.set(key, value);
    assert.is(old !== NULL, model.has(key));
    free(old);
    model.set(key, value);
  }
  for (const [key, value] of model) assert.is(map.get(key), value);
  const records: Pointer[] = [...map.records()];
  assert.is(records.length, model.size);
  for (const record of records) free(record);
  assert.is(stats().allocated, before);
  check();
});

test("an index that is full, and a key that is too long", () => {
  const map = new SharedMap(SharedMap.newIndex(1));
  map.set("a", "1");
  map.set("b", "2");
  assert.throws(() => map.set("c", "3"), /the index is full: it has 2 slots/);
  assert.throws(() => map.get("k".repeat(2000)), /1024 bytes/);
  for (const record of map.records()) free(record);
});

test.run();
