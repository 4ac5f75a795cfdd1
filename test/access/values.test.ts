/**
 * Records that are made with values, and arrays of records that are given back by `using`.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, malloc, Scope, stats, struct } from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { refuses } from "./refuse.js";

const Point = struct({ x: "f64", y: "f64" });
const Line = struct({ name: ["char", 8], ends: [Point, 2], middle: Point, grid: [["u8", 2], 2], on: "bool" });

test("a record made with values has them, and zeroes where nothing is said", () => {
  const line = Line.alloc({
    name: "axis",
    ends: [{ x: 1 }, { y: 2 }],
    middle: { x: 0.5, y: undefined },
    grid: [[1, 2], [3]],
    on: true,
  });
  assert.is(line.name, "axis");
  assert.equal(
    [...line.ends].map(({ x, y }) => [x, y]),
    [
      [1, 0],
      [0, 2],
    ],
  );
  assert.equal([line.middle.x, line.middle.y], [0.5, 0]);
  assert.equal(
    [...line.grid].map((row) => [...row]),
    [
      [1, 2],
      [3, 0],
    ],
  );
  assert.is(line.on, true);
  free(line.pointer);
});

test("values that there is no place for are refused, and nothing stays allocated", () => {
  const point = Point.alloc({ x: 1 });
  const wrong: Array<[string, unknown, RegExp]> = [
    ["an unknown name", { z: 1 }, /x, y.*"z"/],
    ["a name that every object has", { constructor: 1 }, /"constructor"/],
    ["a number", 5, /got 5/],
    ["null", null, /got null/],
    ["an array", [1, 2], /x, y/],
    ["a record", point, /got a record/],
    ["a record's spread, which has no fields", { ...point }, /got a record/],
    ["a spread with a field", { ...point, y: 1 }, /got a record/],
  ];
  for (const [what, values, message] of wrong) {
    const error = refuses(what, "ERR_INVALID_ARG", () => Point.alloc(values as never));
    assert.instance(error, TypeError);
    assert.match(error.message, message);
  }
  refuses("too many elements", "ERR_INVALID_ARG", () => Line.alloc({ ends: [{}, {}, {}] }));
  refuses("a text for numbers", "ERR_INVALID_ARG", () => Line.alloc({ grid: ["ab"] as never }));
  refuses("an unknown name inside", "ERR_INVALID_ARG", () => Line.alloc({ middle: { w: 1 } as never }));
  refuses("a text that does not fit", "ERR_INVALID_ARG", () => Line.alloc({ name: "too long a name" }));
  free(point.pointer);
});

test("an array of records is freed by using, once, if it was made with them", () => {
  const before = stats().blocks;
  {
    using points = Point.array(10);
    points.at(9).x = 1;
    assert.is(stats().blocks, before + 1);
    points[Symbol.dispose]();
    assert.is(stats().blocks, before);
  }
  const block = malloc(2 * Line.size);
  {
    using lines = Line.array(2, block);
    using ends = lines.at(1).ends;
    ends.at(0).x = 1;
  }
  assert.is(stats().blocks, before + 1, "neither owned the block");
  free(block);
  const points = Point.array(10);
  free(points.pointer);
  refused(() => points[Symbol.dispose](), "ERR_DOUBLE_FREE");
});

test("a scope makes records, and frees them", () => {
  const before = stats().blocks;
  const scope = new Scope();
  const point = scope.alloc(Point, { y: 4 });
  assert.equal([point.x, point.y], [0, 4]);
  assert.is(stats().blocks, before + 1);
  refuses("a wrong value", "ERR_INVALID_ARG", () => scope.alloc(Point, { z: 1 } as never));
  const kept = scope.alloc(Point);
  free(scope.keep(kept.pointer));
  scope.dispose();
  assert.is(stats().blocks, before);
  refused(() => scope.alloc(Point), "ERR_DISPOSED");
});

test.run();
