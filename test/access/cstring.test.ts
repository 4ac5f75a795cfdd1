/**
 * C strings there and back: any text without NUL, in blocks that hold exactly it, read no further than they should be.
 */
import fc from "fast-check";
import koffi from "koffi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import {
  check,
  cstring,
  fill,
  free,
  malloc,
  type Pointer,
  read,
  readCString,
  usableSize,
  view,
} from "../../src/index.js";
import { figures } from "../support/figures.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";
import { notNumbers, notWhole, nowhere, refuses, refusesEach } from "./refuse.js";

const strlen = koffi.load(null).func("size_t strlen(uintptr_t)");
const { base, span } = heap.window;

test("any text without NUL comes back, and C sees its UTF-8", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 }).map((units) => units.replaceAll("\0", "0"));
  const property = fc.property(text, (given) => {
    const utf8 = Buffer.from(given);
    const pointer = cstring(given);
    try {
      assert.is(readCString(pointer), given);
      assert.is(Number(strlen(pointer)), utf8.length);
      assert.equal(Buffer.from(view(pointer, utf8.length + 1)), Buffer.from(`${given}\0`));
    } finally {
      free(pointer);
    }
  });
  fc.assert(property, { seed: testSeed("cstring"), numRuns: 500 });
  check();
});

test("surrogates: a pair is one character of 4 bytes, a lone one becomes U+FFFD as in Buffer.from", () => {
  for (const [given, read] of [
    ["😀", "😀"],
    ["\ud83d", "\ufffd"],
    ["\ude00\ud83d!", "\ufffd\ufffd!"],
    ["é中", "é中"],
  ] as const) {
    const pointer = cstring(given);
    assert.is(readCString(pointer), read);
    assert.is(Number(strlen(pointer)), Buffer.byteLength(given));
    free(pointer);
  }
});

test("the empty text, and one that needs a mapping of its own", () => {
  const nothing = cstring("");
  assert.is(readCString(nothing), "");
  assert.is(read.u8(nothing), 0);
  const long = "née ".repeat(100_000);
  const much = cstring(long);
  assert.ok(readCString(much) === long);
  free(nothing);
  free(much);
});

test("the NUL is written where the block held something else", () => {
  const old = malloc(24);
  fill(old, 0xff, 24);
  free(old);
  const again = cstring("12345678");
  assert.is(again, old, "the same block");
  assert.is(readCString(again), "12345678");
  free(again);
});

test("without a NUL the usable size bounds it, or maxBytes", () => {
  const block = malloc(100);
  fill(block, 0x61, usableSize(block));
  assert.is(readCString(block), "a".repeat(usableSize(block)));
  assert.is(readCString(block, 7), "aaaaaaa");
  assert.is(readCString(block, 0), "");
  assert.is(readCString((block + 90) as Pointer, 5), "aaaaa");
  free(block);
});

test("a NUL ends it before maxBytes does, even beyond the heap's end", () => {
  const block = cstring("short");
  assert.is(readCString(block, 1000), "short");
  assert.is(readCString(block, Number.MAX_SAFE_INTEGER), "short");
  assert.is(readCString((block + 2) as Pointer, 1000), "ort");
  free(block);
});

test("a character cut by maxBytes, and malformed bytes, become U+FFFD", () => {
  const block = cstring("aé");
  assert.is(readCString(block, 2), "a\ufffd");
  view(block).set([0xff, 0xc0, 0x62, 0]);
  assert.is(readCString(block), "\ufffd\ufffdb");
  free(block);
});

test("texts that are none, or hold a NUL", () => {
  const before = figures();
  for (const value of [...notNumbers, 65, Buffer.from("a")].filter((given) => typeof given !== "string")) {
    const refusal = refuses("cstring", "ERR_INVALID_ARG", () => cstring(value as never));
    assert.instance(refusal, TypeError);
  }
  for (const text of ["\0", "a\0", "\0b", "a\0b"]) {
    assert.match(refuses(JSON.stringify(text), "ERR_INVALID_ARG", () => cstring(text)).message, "NUL");
  }
  assert.equal(figures(), before);
});

test("wrong pointers and bounds", () => {
  const block = cstring("text");
  const wrong = [...notNumbers, ...nowhere, base, base + span + 1];
  refusesEach("readCString", "ERR_INVALID_POINTER", wrong, (pointer) => readCString(pointer));
  refusesEach("readCString up to 8", "ERR_INVALID_POINTER", wrong, (pointer) => readCString(pointer, 8));
  const bounds = [...notNumbers.slice(1), ...notWhole];
  refusesEach("maxBytes", "ERR_INVALID_ARG", bounds, (bound) => readCString(block, bound));
  refuses("inside a block, without a bound", "ERR_INVALID_POINTER", () =>
    readCString((block + 1) as Pointer),
  );
  free(block);
  refuses("freed", "ERR_DOUBLE_FREE", () => readCString(block));
  check();
});

test("a text without an end before the memory ends is refused, and one that ends there is read", () => {
  const block = malloc(400_000);
  const size = usableSize(block);
  const end = block + size;
  const gap = malloc(400_000);
  free(gap); // right behind, as a rule
  view(block).fill(0x61);
  assert.is(readCString((end - 3) as Pointer, 3), "aaa");
  if (gap >= end) {
    for (const before of [1, 3, 60, 5000]) {
      const pointer = (end - before) as Pointer;
      throwsHeapError(() => readCString(pointer, 100_000), "ERR_INVALID_POINTER");
      view(pointer, before)[before - 1] = 0;
      assert.is(readCString(pointer, 100_000).length, before - 1);
      view(pointer, before)[before - 1] = 0x61;
    }
  }
  free(block);
});

test("texts of every length about the one where the way changes, ASCII and not", () => {
  for (const letter of ["a", "\x7f", "\x80", "é", "€"]) {
    for (let length = 0; length < 70; length++) {
      const text = letter.repeat(length);
      const pointer = cstring(text);
      assert.is(readCString(pointer), text);
      assert.is(readCString(pointer, 2 ** 40 + 1), text);
      free(pointer);
    }
  }
});

test.run();
