/**
 * Real workers that are terminated before each store of an operation, one after the other.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";
import type { Found } from "./programs/parked.js";

const EVERY_STORE = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1";
/**
 * So many first stores are tried one by one, and beyond them one in STRIDE, from a place of chance on: a worker takes 50 ms,
 * and every-store.test.ts tries each in a simulation. HEAPWRIGHT_TEST_EVERY_STORE=1 tries each here.
 */
const MOST = EVERY_STORE ? 1000 : 20;
/** Of those that are long. */
const SOME = EVERY_STORE ? 1000 : 10;
const STRIDE = EVERY_STORE ? 9 : 13;
/** Where an index is made anew, which is some two thousand stores of zeroes. */
const LONG_STRIDE = EVERY_STORE ? 9 : 151;

const operations: ReadonlyArray<readonly [name: string, each: number, stride?: number]> = [
  ["malloc of a batch", MOST],
  ["malloc that splits", MOST],
  ["malloc that splits a small bin", MOST],
  ["consolidation", SOME, LONG_STRIDE],
  ["free into the cache", SOME, LONG_STRIDE],
  ["free that joins forward", MOST],
  ["free that joins both ways", MOST],
  ["realloc that shrinks", MOST],
  ["realloc that grows forward", MOST],
  ["realloc that grows backward", MOST],
  ["growth that extends", MOST],
  ["growth that opens", MOST],
  ["mmap and munmap", MOST],
  ["mremap", MOST],
  ["remote free", MOST],
  ["drain", MOST],
  ["adoption", SOME, LONG_STRIDE],
  ["joining", SOME, LONG_STRIDE],
];

for (const [name, each, stride = STRIDE] of operations) {
  test(`${name}, cut off for real`, async () => {
    const found = await findings<Found>(compiled("parked"), {
      args: [name, String(each), String(stride)],
      env: { HEAPWRIGHT_MMAP_THRESHOLD: "131072" }, // so that each of many large blocks is mapped
    });
    assert.ok(found.stores >= 10, `${found.stores} stores`);
    assert.ok(found.deaths >= Math.min(each, found.stores), `${found.deaths} deaths, ${found.stores} stores`);
    const taken = { "growth that extends": found.extended, "growth that opens": found.opened }[name];
    if (taken !== undefined) assert.ok(taken > found.deaths / 2, `${taken} times more address space`);
  });
}

test.run();
