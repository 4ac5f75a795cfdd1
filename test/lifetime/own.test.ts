/**
 * Owners free their block once: when told, at the end of a block of code, or when V8 collects them.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, malloc, NULL, own, type Pointer, stats, view } from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { findingsOf, runProgram } from "../support/child.js";
import type { Found } from "./programs/dropped.js";

const allocated = () => stats().allocated;
const program = new URL("./programs/dropped.ts", import.meta.url);

async function dropped(debug: boolean): Promise<Found & { stderr: string }> {
  const outcome = await runProgram(program, {
    nodeArgs: ["--expose-gc", "--enable-source-maps"],
    env: debug ? { HEAPWRIGHT_DEBUG: "1" } : {},
  });
  return { ...findingsOf<Found>(outcome, "dropped"), stderr: outcome.stderr };
}

test("dispose frees once, and what comes after is refused", () => {
  const before = allocated();
  const owner = own(malloc(5000));
  view(owner.pointer).fill(1);
  assert.not(owner.disposed);
  owner.dispose();
  assert.ok(owner.disposed);
  assert.is(allocated(), before);
  owner.dispose();
  owner[Symbol.dispose]();
  refused(() => owner.pointer, "ERR_DISPOSED");
  refused(() => owner.release(), "ERR_DISPOSED");
  assert.is(allocated(), before);
});

test("using frees at the end of the block, also by an exception", () => {
  const before = allocated();
  assert.throws(() => {
    using owner = own(malloc(5000));
    view(owner.pointer).fill(1);
    throw new Error("on purpose");
  }, /on purpose/);
  assert.is(allocated(), before);
});

test("release gives the block back to the caller", () => {
  const before = allocated();
  const pointer = malloc(5000);
  const owner = own(pointer);
  assert.is(owner.release(), pointer);
  assert.ok(owner.disposed);
  owner.dispose();
  refused(() => owner.pointer, "ERR_DISPOSED");
  const next = own(pointer);
  next.dispose();
  assert.is(allocated(), before);
});

test("only live blocks can be owned, and by one owner", () => {
  const pointer = malloc(5000);
  const owner = own(pointer);
  refused(() => own(pointer), "ERR_INVALID_ARG");
  owner.dispose();
  for (const wrong of [pointer, NULL, pointer + 16, "text", undefined] as Pointer[]) {
    refused(() => own(wrong), "ERR_INVALID_POINTER", "ERR_DOUBLE_FREE");
  }
});

test("a block that was freed behind the owner's back is told", () => {
  const owner = own(malloc(5000));
  free(owner.pointer);
  refused(() => owner.dispose(), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
  owner.dispose();
});

test("a dropped owner's block is freed when it is collected, and nothing is printed", async () => {
  const found = await dropped(false);
  assert.is(found.freed, found.dropped);
  assert.ok(found.heldStays && found.releasedStays);
  assert.equal(found.warnings, []);
  assert.is(found.stderr, "");
});

test("with HEAPWRIGHT_DEBUG=1 a warning names where each was made", async () => {
  const { warnings, dropped: count, freed } = await dropped(true);
  assert.is(freed, count);
  const collected = warnings.filter(({ message }) => message.includes("collected"));
  assert.is(collected.length, count);
  for (const { name, code, message } of collected) {
    assert.is(name, "HeapWarning");
    assert.is(code, "HEAPWRIGHT_OWNER_DROPPED");
    assert.match(message, /^the owner of 0x[0-9a-f]+, made at dropSome .*dropped\.ts:\d+/);
  }
  const behind = warnings.filter(({ message }) => message.includes("freed already"));
  assert.is(behind.length, 1);
  assert.is(warnings.length, count + 1);
});

test.run();
