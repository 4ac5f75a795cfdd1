/**
 * Real C libraries with their memory in this heap: zlib, Lua and expat do real work, and run out of memory as they do
 * anywhere. Each in a process of its own, since a mistake in between ends it.
 */
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { library, removeLibraries } from "./library.js";
import type { Account } from "./programs/report.js";

const file = fileURLToPath(new URL("../../package-lock.json", import.meta.url));
const NO_MEMORY = 1; // XML_ERROR_NO_MEMORY
const LUA_ERRMEM = 4;

test.after(removeLibraries);

/** A test of what the program found, if there is the library. */
function testWith<T>(name: string, soname: string, debianPackage: string, verify: (found: T) => void): void {
  const program = new URL(`programs/${name}.ts`, import.meta.url);
  test(`${name}, with ${soname}`, async () => {
    const path = library(soname, debianPackage);
    if (path !== null) verify(await findings<T>(program, { args: [path, file] }));
  });
}

function isEmpty({ bytes, blocks }: Account): void {
  assert.equal({ bytes, blocks }, { bytes: 0, blocks: 0 });
}

interface Zlib {
  readonly original: number;
  readonly compressed: number;
  readonly nodeReadsIt: boolean;
  readonly restored: boolean;
  readonly account: Account;
  readonly refused: Account;
}

testWith<Zlib>("zlib", "libz.so.1", "zlib1g", (found) => {
  assert.ok(found.compressed < found.original / 2, `${found.compressed} of ${found.original} bytes`);
  assert.ok(found.nodeReadsIt, "Node's own zlib restores the file");
  assert.ok(found.restored, "and so does this one");
  assert.ok(found.account.peak > 200_000, "a deflate of this size takes 256 KiB and more");
  assert.is(found.account.failures, 0);
  isEmpty(found.account);
  assert.ok(found.refused.failures > 0);
  isEmpty(found.refused);
});

interface Lua {
  readonly limit: number;
  readonly wordsAgree: boolean;
  readonly atWords: Account;
  readonly out: { status: number; text: string };
  readonly atLimit: Account;
  readonly againAgree: boolean;
  readonly churn: { status: number; text: string };
  readonly atEnd: Account;
}

testWith<Lua>("lua", "liblua5.4.so.0", "liblua5.4-0", (found) => {
  assert.ok(found.wordsAgree, "it counts words as JavaScript does");
  assert.is(found.atWords.failures, 0);
  assert.equal(found.out, { status: LUA_ERRMEM, text: "not enough memory" });
  assert.ok(found.atLimit.peak > found.limit * 0.9 && found.atLimit.failures > 0);
  assert.ok(found.againAgree, "it still counts words after that");
  assert.equal(found.churn, { status: 0, text: "2088895" });
  isEmpty(found.atEnd);
});

if (process.arch === "x64") {
  testWith<{ times: number }>("lua-terminated", "liblua5.4.so.0", "liblua5.4-0", ({ times }) => {
    assert.is(times, 5);
  });
} else {
  console.log("skipped: a worker terminated inside a library; there is no thunk for this processor");
}

interface Attempt {
  readonly created: boolean;
  readonly status: number;
  readonly error: number;
  readonly started: number;
  readonly ended: number;
  readonly account: Account;
}

interface Expat {
  readonly written: number;
  readonly whole: Attempt;
  readonly refused: readonly Attempt[];
}

testWith<Expat>("expat", "libexpat.so.1", "libexpat1", ({ written, whole, refused }) => {
  assert.is(whole.status, 1);
  assert.equal([whole.started, whole.ended, whole.account.failures], [written, written, 0]);
  isEmpty(whole.account);
  for (const attempt of refused) {
    isEmpty(attempt.account);
    if (attempt.created && attempt.status === 0) assert.is(attempt.error, NO_MEMORY);
  }
  assert.ok(refused.some(({ created }) => !created));
  assert.ok(refused.some(({ error }) => error === NO_MEMORY));
});

test.run();
