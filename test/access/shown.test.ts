/**
 * console.log of records and arrays whose memory is gone: it says so, and neither throws nor faults.
 */
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import { free, NULL, type Pointer, realloc, struct } from "../../src/index.js";

const Point = struct({ x: "f64", few: ["u16", 2] });
const GONE = /^\[\d+ bytes at .*, where the heap has no memory\]$/;
const { base, span } = heap.window;

test("a record that was moved to where nothing is", () => {
  const record = Point.alloc();
  const was = record.pointer;
  assert.match(inspect(record), /x: 0/);
  for (const pointer of [NULL, 8, base - 16, base + span, base + span - 8, 2 ** 52]) {
    record.pointer = pointer as Pointer;
    assert.match(inspect(record), GONE, `${pointer}`);
  }
  free(was);
  record.pointer = was;
  assert.match(
    inspect(record),
    /pointer: /,
    "a freed block's memory is there as a rule, with whatever it is",
  );
});

test("records and arrays in a block whose mapping is gone", () => {
  const many = Point.array(1_000_000);
  const record = many.at(999_999);
  const { few } = record;
  assert.match(inspect(many), /more items/);
  assert.match(inspect(record), /few: \[ 0, 0 \]/);
  free(many.pointer);
  for (const object of [many, record, few]) assert.match(inspect(object), GONE);
});

test("an array of which a part is gone", () => {
  const block = Point.array(100_000);
  const all = Point.array(100_000, block.pointer);
  assert.match(inspect(all), /\[/);
  assert.is(realloc(block.pointer, 300_000), block.pointer, "it shrinks where it is");
  assert.match(inspect(all), GONE);
  free(block.pointer);
});

test.run();
