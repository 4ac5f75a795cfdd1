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
 * So many first stores are tried one by one, and beyond them one in STRIDE, from a place of chance on: a worker takes more
 * than 100 ms of a processor, every-store.test.ts tries each store in a simulation, and most operations have 20 to 70.
 * HEAPWRIGHT_TEST_EVERY_STORE=1 tries each here.
 */
const EACH = EVERY_STORE ? 1000 : 6;
const STRIDE = EVERY_STORE ? 9 : 7;
/** Where an index is made anew, which is some two thousand stores of zeroes. */
const LONG_STRIDE = EVERY_STORE ? 9 : 251;

const operations: ReadonlyArray<readonly [name: string, stride?: number]> = [
  ["malloc of a batch"],
  ["malloc that splits"],
  ["malloc that splits a small bin"],
  ["consolidation", LONG_STRIDE],
  ["free into the cache", LONG_STRIDE],
  ["free that joins forward"],
  ["free that joins both ways"],
  ["realloc that shrinks"],
  ["realloc that grows forward"],
  ["realloc that grows backward"],
  ["growth that extends"],
  ["growth that opens"],
  ["vacating"],
  ["mmap and munmap"],
  ["mremap"],
  ["remote free"],
  ["drain"],
  ["adoption", LONG_STRIDE],
  ["joining", LONG_STRIDE],
];

for (const [name, stride = STRIDE] of operations) {
  test(`${name}, cut off for real`, async () => {
    const found = await findings<Found>(compiled("parked"), {
      args: [name, String(EACH), String(stride)],
      env: { HEAPWRIGHT_MMAP_THRESHOLD: "131072" }, // so that each of many large blocks is mapped
    });
    assert.ok(found.stores >= 10, `${found.stores} stores`);
    assert.ok(found.deaths >= Math.min(EACH, found.stores), `${found.deaths} deaths, ${found.stores} stores`);
    const taken = { "growth that extends": found.extended, "growth that opens": found.opened }[name];
    if (taken !== undefined) assert.ok(taken > found.deaths / 2, `${taken} times more address space`);
  });
}

test.run();
