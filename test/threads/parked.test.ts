/**
 * Real workers that are terminated before each store of an operation, one after the other.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";
import type { Found } from "./programs/parked.js";

const EVERY_STORE = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1";
/** The last store of each of these is reached one by one. */
const EVERY = 1000;
/** Long ones: beyond these one in STRIDE, from a place of chance on; HEAPWRIGHT_TEST_EVERY_STORE=1 tries each. */
const SOME = EVERY_STORE ? EVERY : 40;
const STRIDE = 9;

const operations: ReadonlyArray<readonly [name: string, each: number]> = [
  ["malloc of a batch", EVERY],
  ["malloc that splits", EVERY],
  ["free into the cache", SOME],
  ["free that joins forward", EVERY],
  ["free that joins both ways", EVERY],
  ["realloc that shrinks", EVERY],
  ["realloc that grows forward", EVERY],
  ["realloc that grows backward", EVERY],
  ["growth that extends", EVERY],
  ["growth that opens", EVERY],
  ["mmap and munmap", EVERY],
  ["mremap", EVERY],
  ["remote free", EVERY],
  ["drain", EVERY],
  ["adoption", SOME],
  ["joining", SOME],
];

for (const [name, each] of operations) {
  test(`${name}, cut off for real`, async () => {
    const found = await findings<Found>(compiled("parked"), { args: [name, String(each), String(STRIDE)] });
    assert.ok(found.stores >= 10, `${found.stores} stores`);
    assert.ok(found.deaths >= Math.min(each, found.stores), `${found.deaths} deaths, ${found.stores} stores`);
    const taken = { "growth that extends": found.extended, "growth that opens": found.opened }[name];
    if (taken !== undefined) assert.ok(taken > found.deaths / 2, `${taken} times more address space`);
  });
}

test.run();
