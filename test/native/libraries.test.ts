/**
 * Real C libraries with their memory in this heap: zlib, Lua, expat, SQLite, libxml2 and libcurl do real work, and run out
 * of memory as they do anywhere. Each in a process of its own, since a mistake in between ends it.
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
const SQLITE_NOMEM = 7;

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

testWith<{ times: number }>("lua-terminated", "liblua5.4.so.0", "liblua5.4-0", ({ times }) => {
  assert.is(times, 5);
});

interface Sqlite {
  readonly configured: number;
  readonly created: number;
  readonly filled: number;
  readonly before: number;
  readonly failures: number;
  readonly tooMuch: number;
  readonly afterwards: number;
  readonly atLimit: Account;
  readonly closed: number;
  readonly atEnd: Account;
}

testWith<Sqlite>("sqlite", "libsqlite3.so.0", "libsqlite3-0", (found) => {
  const { configured, created, filled, closed } = found;
  assert.equal({ configured, created, filled, closed }, { configured: 0, created: 0, filled: 0, closed: 0 });
  assert.equal([found.before, found.failures], [38_893, 0], "the letters of word1 to word5000");
  assert.is(found.tooMuch, SQLITE_NOMEM);
  assert.ok(found.atLimit.failures > 0);
  assert.is(found.afterwards, found.before);
  isEmpty(found.atEnd);
});

testWith<{ setUpResult: number; children: number; same: boolean; atEnd: Account }>(
  "libxml2",
  "libxml2.so.2",
  "libxml2",
  ({ setUpResult, children, same, atEnd }) => {
    assert.equal([setUpResult, children, same, atEnd.failures], [0, 2000, true, 0]);
    assert.ok(atEnd.peak > 500_000, "a tree of 2,000 elements");
    isEmpty(atEnd);
  },
);

interface Curl {
  readonly initialized: number;
  readonly options: readonly number[];
  readonly performed: number;
  readonly same: boolean;
  readonly used: boolean;
  readonly failures: number;
  readonly atEnd: Account;
}

testWith<Curl>("libcurl", "libcurl.so.4", "libcurl4", ({ atEnd, ...found }) => {
  assert.equal(found, {
    initialized: 0,
    options: [0, 0],
    performed: 0,
    same: true,
    used: true,
    failures: 0,
  });
  isEmpty(atEnd);
});

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
