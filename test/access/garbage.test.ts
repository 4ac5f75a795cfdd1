/**
 * A cursor walks records and leaves nothing for the garbage collector, once V8 has compiled the loop. (With at(i) and
 * for … of that is so where V8 sees that the object is not kept; nobody can promise it.)
 */
import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, struct } from "../../src/index.js";

const RECORDS = 4_000;
const WARM_UP = 3_000;
const ROUNDS = 2_000;
/** 8 million objects of 16 bytes and more are 8 collections at least of a young generation of 16 MiB. */
const FEW = 3;

const Item = struct({ x: "f64", inner: struct({ y: "i32" }), y: "u32", tag: "u8" });
const items = Item.array(RECORDS);

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});

async function collectionsDuring(work: () => void): Promise<number> {
  for (let i = 0; i < WARM_UP; i++) work();
  await setImmediate();
  const before = collections;
  for (let i = 0; i < ROUNDS; i++) work();
  await setImmediate();
  await setImmediate();
  return collections - before;
}

let sum = 0;
let kept: unknown = null;

test.before(() => observer.observe({ entryTypes: ["gc"] }));
test.after(() => observer.disconnect());

test("a cursor", async () => {
  const found = await collectionsDuring(() => {
    const cursor = items.at(0);
    for (let i = 0; i < RECORDS; i++) {
      cursor.pointer = items.pointerAt(i);
      sum += cursor.inner.y;
    }
  });
  assert.ok(found <= FEW, `${found} collections`);
});

test("four fields of each record, by at(i)", async () => {
  const work = () => {
    let total = 0; // a double outside of the function would be an object each time
    for (let i = 0; i < RECORDS; i++) {
      const item = items.at(i);
      item.x = i * 0.5;
      item.tag = i & 127;
      item.y = item.tag;
      total += item.x;
    }
    sum += total;
  };
  // Where other programs run as well, V8 has not compiled the loop for good by the end of the first warm-up.
  let found = await collectionsDuring(work);
  for (let more = 0; more < 3 && found > FEW; more++) found = await collectionsDuring(work);
  assert.ok(found <= FEW, `${found} collections`);
});

test("records that are kept are objects, which are collected: the measure works", async () => {
  const found = await collectionsDuring(() => {
    for (let i = 0; i < RECORDS; i++) kept = items.at(i);
  });
  assert.ok(found > FEW, `${found} collections`);
  assert.is.not(kept, null);
  assert.ok(sum > 0);
  free(items.pointer);
});

test.run();
