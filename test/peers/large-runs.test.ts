/**
 * Free runs of hundreds of MiB in a heap whose threshold for mappings is above them: what a size word and a bin can hold.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, configure, free, malloc, stats, trim } from "../../src/index.js";
import { ordersOf } from "./orders.js";

const MIB = 2 ** 20;
const SIZES = [16, 511, 100, 255, 64].map((mebibytes) => mebibytes * MIB);

configure({ mmapThreshold: 511 * MIB });

test("free runs of 16 to 511 MiB are coalesced in every order, and used again", () => {
  const first = SIZES.map((size) => malloc(size));
  first.forEach(free);
  const { segments } = stats();
  for (const order of ordersOf([0, 1, 2, 3, 4])) {
    const blocks = SIZES.map((size) => malloc(size));
    for (const i of order) free(blocks[i]!);
    check();
  }
  assert.equal([stats().segments, stats().mmaps, stats().blocks], [segments, 0, 0]);
  trim();
  assert.ok(stats().footprint < MIB, `${stats().footprint} bytes`);
});

test.run();
