/** What HeapError counts as one of its own, and a program's subclass does. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../src/api/malloc.js";
import {
  Arena,
  free,
  HeapError,
  malloc,
  own,
  type Pointer,
  read,
  readCString,
  Scope,
  struct,
  view,
  write,
} from "../src/index.js";
import { Control } from "../src/memory/control.js";

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
    [() => write.pointer(block, -5n), "ERR_INVALID_ARG", /got -5n$/],
    [() => write.pointer(block, 2n ** 53n), "ERR_INVALID_ARG", /got 9007199254740992n$/],
    [
      () => malloc(2 ** 52),
      "ERR_OUT_OF_MEMORY",
      /the address window of \d+ has no gap so large\. Free something, or ask for less/,
    ],
  ];
  for (const [run, code, message] of wrong) {
    const error = caught(run);
    assert.is(error.code, code);
    assert.match(error.message, message);
  }
});

test("what is out of memory says what there is no more of", () => {
  const inside = heap.window.span - 1;
  assert.match(
    caught(() => malloc(inside)).message,
    /no gap so large, or the kernel gives no more \(ulimit -v/,
  );
  const { words } = heap.window;
  const blocks = words[Control.largeCount]!;
  words[Control.largeCount] = 49_152;
  const { message } = caught(() => malloc(inside));
  words[Control.largeCount] = blocks;
  assert.match(message, /49152 blocks have mappings of their own, the most that can, and the heap is full\./);
});

test("the program's own calls are in the stack, however deep the library's go", () => {
  const depth = 8;
  const nested = (left: number): void => (left === 0 ? free((malloc(64) + 16) as Pointer) : nested(left - 1));
  const before = Error.stackTraceLimit;
  const { stack } = caught(() => nested(depth));
  assert.ok(stack!.split("nested").length > depth, stack);
  assert.is(Error.stackTraceLimit, before);
  Error.stackTraceLimit = 0;
  const bare = caught(() => nested(depth)).stack!;
  Error.stackTraceLimit = before;
  assert.match(bare, /^HeapError \[ERR_INVALID_POINTER\]: free: 0x.*$/, "nobody asked for a stack");
});

test("what a program makes of stacks is left as it is, and the error keeps its code", () => {
  const before = Error.prepareStackTrace;
  const frames = (_error: Error, sites: NodeJS.CallSite[]) => sites;
  const fails = () => {
    throw new Error("no stack today");
  };
  try {
    for (const prepare of [() => 7, () => null, frames, fails]) {
      Error.prepareStackTrace = prepare;
      const error = caught(() => malloc(-1));
      assert.instance(error, RangeError);
      assert.is(error.code, "ERR_INVALID_ARG");
      assert.is(error.name, "HeapError");
      assert.match(error.message, /got -1/);
      if (prepare === frames) assert.ok(Array.isArray(error.stack));
    }
  } finally {
    Error.prepareStackTrace = before;
  }
});

test("an error says what helps with what was given", () => {
  const block = malloc(64);
  const inside = (block + 16) as Pointer;
  const wrong: Array<[() => unknown, RegExp]> = [
    [() => view(inside), /view\(pointer, byteLength\)/],
    [() => readCString(inside), /^readCString: .*readCString\(pointer, maxBytes\)/],
    [() => readCString((2 ** 46) as Pointer), /koffi\.decode\(pointer, "char \*"\)/],
    [() => free(inside), /an arena/],
    [() => free("16" as never), /or the same as a bigint, got "16"/],
    [() => free(16n), /^free: 0x10 is not a block/],
    [() => read.u8(block, 1.5), /^read\.u8: \d+ \+ 1\.5 is not an address/],
    [() => read.u8(16 as Pointer), /^read\.u8: 1 byte at 0x10 \+ 0 is not inside/],
    [() => write.u32(16 as Pointer, 1), /^write\.u32: 4 bytes at 0x10 \+ 0 are not inside/],
  ];
  for (const [run, message] of wrong) assert.match(caught(run).message, message);
  free(block);
  assert.match(caught(() => free(block)).message, /look for the other free/);
  assert.match(caught(() => view(block)).message, /look for where it was freed/);
});

const testWide = heap.window.span > 2 ** 33 ? test : test.skip;

testWide("records beyond the 2^32nd have an index, too", () => {
  const bytes = struct({ a: "u8" });
  const length = 2 ** 32 + 10;
  const base = malloc(length); // untouched
  const records = bytes.array(length, base);
  assert.is(records.pointerAt(2 ** 32 + 1), base + 2 ** 32 + 1);
  for (const index of [length, -1, 0.5, 2 ** 53, Number.NaN])
    assert.is(caught(() => records.pointerAt(index)).code, "ERR_INVALID_ARG");
  free(base);
});

test.run();
