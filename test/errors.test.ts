/** What HeapError counts as one of its own, and a program's subclass does. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, HeapError, malloc, own, type Pointer, Scope, struct, view, write } from "../src/index.js";
import { heap } from "../src/malloc.js";

function caught(run: () => unknown): HeapError {
  try {
    run();
  } catch (error) {
    assert.instance(error, HeapError, String(error));
    return error as HeapError;
  }
  throw new Error("nothing was thrown");
}

test("an error is a HeapError whatever else it is, and none of a subclass that it was not made by", () => {
  class Special extends HeapError {}
  const error = caught(() => malloc(-1));
  assert.instance(error, RangeError);
  assert.not(error instanceof Special);
  assert.ok(new Special("ERR_INVALID_ARG", "special") instanceof Special);
  assert.ok(new Special("ERR_INVALID_ARG", "special") instanceof HeapError);
});

test("wrong arguments get a code, and the operation is named", () => {
  const block = malloc(64);
  const nowhere = 4096 as Pointer;
  const wrong: Array<[() => unknown, string, RegExp]> = [
    [() => new Arena(null as never), "ERR_INVALID_ARG", /^Arena: .* got null/],
    [() => Scope.run(5 as never), "ERR_INVALID_ARG", /^Scope\.run: .* got 5/],
    [() => own(nowhere), "ERR_INVALID_POINTER", /^own: /],
    [() => new Scope().adopt(nowhere), "ERR_INVALID_POINTER", /^scope\.adopt: /],
    [() => view(nowhere), "ERR_INVALID_POINTER", /^view: /],
    [() => write.pointer(block, -1 as Pointer), "ERR_INVALID_ARG", /^write\.pointer: .* got -1/],
    [() => write.pointer(block, undefined as never), "ERR_INVALID_ARG", /got undefined/],
    [() => write.pointer(block, 5n as never), "ERR_INVALID_ARG", /got 5n; .*Number\(\)/],
    [
      () => malloc(2 ** 52),
      "ERR_OUT_OF_MEMORY",
      /the address window ends at \d+\. Free something, or ask for less/,
    ],
  ];
  for (const [run, code, message] of wrong) {
    const error = caught(run);
    assert.is(error.code, code);
    assert.match(error.message, message);
  }
});

const testWide = heap.window.span > 2 ** 33 ? test : test.skip;

testWide("records beyond the 2^32nd have an index, too", () => {
  const bytes = struct({ a: "u8" });
  const length = 2 ** 32 + 10;
  const base = malloc(16);
  const records = bytes.array(length, base);
  assert.is(records.pointerAt(2 ** 32 + 1), base + 2 ** 32 + 1);
  for (const index of [length, -1, 0.5, 2 ** 53, Number.NaN])
    assert.is(caught(() => records.pointerAt(index)).code, "ERR_INVALID_ARG");
});

test.run();
