/**
 * Copies between C's memory and the heap's: what arrives, and that an address where nothing is mapped is an error and no fault.
 */
import { closeSync } from "node:fs";
import koffi from "koffi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  check,
  copyFrom,
  copyTo,
  free,
  malloc,
  NULL,
  type Pointer,
  stats,
  struct,
  view,
} from "../../src/index.js";
import { openCopier } from "../../src/platform/os-copy.js";
import { notWhole, refuses } from "./refuse.js";

const libc = koffi.load(null);
const mmap = libc.func("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");
const mprotect = libc.func("int mprotect(uintptr_t, size_t, int)");
const munmap = libc.func("int munmap(uintptr_t, size_t)");
const PAGE: number = libc.func("int getpagesize()")();
const LARGE = 3 * 2 ** 20 + 100;

/** Pages of C's, with one behind them that nobody may touch. Unmapped, it could be another thread's a moment later. */
function pages(bytes: number): number {
  const whole = Math.ceil(bytes / PAGE) * PAGE;
  const address: number = mmap(0, whole + PAGE, 3, 0x22, -1, 0);
  assert.ok(address > 0);
  mprotect(address + whole, PAGE, 0);
  return address;
}

function unmapPages(address: number, bytes: number): void {
  munmap(address, Math.ceil(bytes / PAGE) * PAGE + PAGE);
}

function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);
}

for (const bytes of [0, 1, 100, PAGE, LARGE]) {
  test(`${bytes} bytes there and back`, () => {
    const theirs = pages(Math.max(1, bytes));
    const [ours, back] = [malloc(bytes), malloc(bytes)];
    view(ours, bytes).set(pattern(bytes));
    copyTo(theirs, ours, bytes);
    copyFrom(back, BigInt(theirs), bytes);
    assert.equal(Buffer.compare(view(back, bytes), pattern(bytes)), 0);
    free(ours);
    free(back);
    unmapPages(theirs, Math.max(1, bytes));
  });
}

test("where nothing is mapped it is an error, with how far it went", () => {
  const theirs = pages(PAGE);
  const ours = malloc(2 * PAGE);
  view(ours).fill(1);
  const end = theirs + PAGE;
  const text = (work: () => void) => refuses("beyond the end", "ERR_INVALID_POINTER", work).message;
  assert.match(
    text(() => copyFrom(ours, end - 10, 20)),
    /copyFrom: of 20 bytes of C's memory at 0x.* only 10 can be read/,
  );
  assert.is(view(ours)[10], 1, "no more than that was copied");
  assert.match(
    text(() => copyTo(end - 10, ours, 20)),
    /copyTo: of 20 bytes of C's memory at 0x.* only 10 can be written to/,
  );
  assert.match(
    text(() => copyFrom(ours, end, 1)),
    /only 0 can be read/,
  );
  assert.match(
    text(() => copyFrom(ours, 0n, 8)),
    /at 0x0 only 0 can be read/,
  );
  assert.match(
    text(() => copyTo(8, ours, 8)),
    /at 0x8 only 0 can be written to/,
  );
  unmapPages(theirs, PAGE);
  free(ours);
  check();
});

test("memory that may not be written to, or not be read", () => {
  const theirs = pages(PAGE);
  const ours = malloc(16);
  mprotect(theirs, PAGE, 1);
  copyFrom(ours, theirs, 16);
  refuses("read only", "ERR_INVALID_POINTER", () => copyTo(theirs, ours, 16));
  mprotect(theirs, PAGE, 0);
  refuses("no access", "ERR_INVALID_POINTER", () => copyFrom(ours, theirs, 16));
  unmapPages(theirs, PAGE);
  free(ours);
});

test("a large block of the heap's that was freed is told from C's memory", () => {
  const theirs = pages(PAGE);
  const freed = malloc(1_000_000);
  free(freed);
  const { message } = refuses("a freed target", "ERR_INVALID_POINTER", () => copyFrom(freed, theirs, 16));
  assert.match(message, /16 bytes at 0x.* are not inside the heap's memory/);
  unmapPages(theirs, PAGE);
});

test("what is no address, no length, or not the heap's", () => {
  const theirs = pages(PAGE);
  const ours = malloc(16);
  for (const value of [undefined, null, "8", {}, true]) {
    refuses(`${value}`, "ERR_INVALID_POINTER", () => copyFrom(ours, value as never, 1));
    refuses(`${value}`, "ERR_INVALID_POINTER", () => copyTo(value as never, ours, 1));
  }
  for (const value of [-1, 0.5, Number.NaN, 2 ** 60, -1n, 2n ** 64n]) {
    refuses(`${value}`, "ERR_INVALID_POINTER", () => copyFrom(ours, value, 1));
  }
  for (const length of notWhole)
    refuses(`${length}`, "ERR_INVALID_ARG", () => copyFrom(ours, theirs, length));
  refuses("not the heap's", "ERR_INVALID_POINTER", () => copyFrom(theirs as Pointer, theirs, 1));
  refuses("not the heap's", "ERR_INVALID_POINTER", () => copyTo(theirs, NULL, 1));
  unmapPages(theirs, PAGE);
  free(ours);
});

test("a record of C's, copied", () => {
  const Tm = struct({
    sec: "i32",
    min: "i32",
    hour: "i32",
    day: "i32",
    month: "i32",
    year: "i32",
    rest: ["u8", 32],
  });
  const gmtime = libc.func("void *gmtime(int64_t *seconds)");
  const before = stats().allocated;
  const time = Tm.copyFrom(gmtime([86_400n * 365n]));
  assert.equal([time.year, time.month, time.day], [71, 0, 1]);
  assert.ok(stats().allocated > before, "it is a block of its own");
  free(time.pointer);
  const { message } = refuses("nothing there", "ERR_INVALID_POINTER", () => Tm.copyFrom(8));
  assert.match(message, /copyFrom: of 56 bytes of C's memory at 0x8/);
  assert.is(stats().allocated, before);
});

test("where process_vm_readv is forbidden a file in memory takes its place, and where that is too, it is told", () => {
  const memfd = libc.func("int memfd_create(str, uint)");
  const [pwrite, pread] = [
    libc.func("long pwrite(int, void *, size_t, long)"),
    libc.func("long pread(int, void *, size_t, long)"),
  ];
  const inMemoryFile = <T>(name: string, work: (file: number) => T): T => {
    const file: number = memfd(name, 1);
    try {
      return work(file);
    } finally {
      closeSync(file);
    }
  };
  const forbidden = () => () => -1;
  const copy = openCopier(forbidden, inMemoryFile, { pwrite, pread });
  const theirs = pages(LARGE);
  const end = theirs + Math.ceil(LARGE / PAGE) * PAGE;
  const [ours, back] = [malloc(LARGE), malloc(LARGE)];
  view(ours, LARGE).set(pattern(LARGE));
  assert.equal(copy(theirs, ours, LARGE), { readable: LARGE, copied: LARGE });
  assert.equal(copy(back, theirs, LARGE), { readable: LARGE, copied: LARGE });
  assert.equal(Buffer.compare(view(back, LARGE), pattern(LARGE)), 0);
  assert.equal(copy(back, end - 10, 20), { readable: 10, copied: 10 });
  assert.equal(copy(end - 10, ours, 20), { readable: 20, copied: 10 });
  const nothing = openCopier(forbidden, () => null, { pwrite, pread });
  assert.equal(nothing(back, ours, 8), { readable: Number.NaN, copied: Number.NaN });
  for (const pointer of [ours, back]) free(pointer);
  unmapPages(theirs, LARGE);
});

test.run();
