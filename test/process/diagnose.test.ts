/**
 * What is said of a pointer that is not a live block's: freed, or never one, and why.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeapError, type HeapErrorCode } from "../../src/errors.js";
import type { Block } from "../../src/memory/memory.js";
import { explainPointer } from "../../src/process/diagnose.js";
import { type FakeHeap, fakeHeap, join, payload, row } from "../support/fake-heap.js";
import { MIB } from "../support/fake-os.js";

function explained(of: FakeHeap, pointer: unknown, code: HeapErrorCode, message: RegExp): HeapError {
  const error = explainPointer(of.heap, "free", pointer);
  assert.instance(error, HeapError);
  assert.is(error.code, code, error.message);
  assert.match(error.message, message);
  assert.ok(error.message.startsWith("free: "));
  return error;
}

test("what is not a number is a TypeError that shows it", () => {
  const of = fakeHeap();
  for (const [value, shown] of [
    ["0x1234", /got "0x1234"/],
    [undefined, /got undefined/],
    [12n, /got 12n/],
    [{}, /got an object/],
    [null, /got null/],
    [Symbol("x"), /got a symbol/],
  ] as const) {
    assert.instance(explained(of, value, "ERR_INVALID_POINTER", shown), TypeError);
  }
});

test("a number that is no address is a RangeError", () => {
  const of = fakeHeap();
  for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, -0.5]) {
    assert.instance(explained(of, value, "ERR_INVALID_POINTER", /not an address/), RangeError);
  }
  explained(of, 0, "ERR_INVALID_POINTER", /NULL, which has no block/);
});

test("memory of others is told from ours", () => {
  const of = fakeHeap();
  const { base, span } = of.heap.window;
  for (const value of [16, base - 16, base + span, base + span + MIB, 2 ** 47]) {
    explained(of, value, "ERR_INVALID_POINTER", /not from this heap/);
  }
});

test("inside the window: misaligned, or no block there", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 4096, 64);
  const pointer = payload(of, b!);
  explained(of, pointer + 8, "ERR_INVALID_POINTER", /16-byte aligned/);
  explained(of, pointer + 16, "ERR_INVALID_POINTER", /no block starts there/);
  explained(of, of.heap.window.base + 60 * MIB, "ERR_INVALID_POINTER", /no block starts there/);
  explained(of, of.heap.window.base + 16, "ERR_INVALID_POINTER", /no block starts there/);
  explained(of, of.heap.window.base, "ERR_INVALID_POINTER", /no block starts there/);
});

test("a freed block is told from a wild pointer in every state that it may be in", () => {
  const of = fakeHeap();
  const [, cached, binned, merged, below, last] = row(of, 64, 128, 4096, 256, 64, 64);
  of.heap.freeBlock(cached!);
  explained(of, payload(of, cached!), "ERR_DOUBLE_FREE", /free already/);
  join(of, binned!);
  explained(of, payload(of, binned!), "ERR_DOUBLE_FREE", /free already/);
  join(of, merged!);
  explained(of, payload(of, merged!), "ERR_DOUBLE_FREE", /free already/);
  join(of, last!);
  explained(of, payload(of, last!), "ERR_DOUBLE_FREE", /free already/);
  assert.is(of.heap.liveBlock(payload(of, below!)), below);
});

test("a large block that was freed is known as such, until its place is used again", () => {
  const of = fakeHeap();
  const pointer = of.heap.large.allocate(200_000, 16);
  of.heap.large.free(pointer);
  explained(of, pointer, "ERR_DOUBLE_FREE", /free already/);
  const again = of.heap.large.allocate(300_000, 16);
  assert.is(again, pointer);
  explained(of, pointer + 4096, "ERR_INVALID_POINTER", /no block starts there/);
});

test("an overwritten header is not mistaken for a second free", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 4096, 64);
  of.m[b!] = 0x41414141;
  explained(of, payload(of, b!), "ERR_INVALID_POINTER", /header was overwritten/);
});

test("a fence is no block", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 4096, 64);
  const at = (b! + 40) as Block;
  of.m[at] = 16;
  of.m[at + 1] = at ^ 16 ^ of.heap.secret;
  explained(of, payload(of, at), "ERR_INVALID_POINTER", /no block starts there/);
});

test.run();
