/**
 * console.log of records and arrays whose memory is gone: it says so, and neither throws nor faults.
 */
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, malloc, NULL, type Pointer, struct } from "../../src/index.js";
import { heap } from "../../src/malloc.js";

const Point = struct({ x: "f64", few: ["u16", 2] });
const GONE = /^\[\d+ bytes at .*, where the heap has no memory\]$/;
const { base, span } = heap.window;

test("a record that was moved to where nothing is", () => {
  const record = Point.alloc();
  const was = record.pointer;
  assert.match(inspect(record), /x: 0/);
  for (const pointer of [NULL, 8, -1, Number.NaN, base - 16, base + span, base + span - 8, 2 ** 60]) {
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

test("an array that is larger than what lies there", () => {
  const block = malloc(300_000);
  const { few } = Point.at(block);
  assert.match(inspect(few), /\[/);
  const beyond = Point.array(40_000, block);
  assert.match(inspect(beyond), GONE);
  free(block);
});

test.run();
