/**
 * Program: a limit on the process's data (RLIMIT_DATA), under which the kernel refuses sbrk and mmap alike.
 *
 *   data-limit.ts before|during   set before the library is loaded, or when the heap has grown already
 *
 * V8 lives under the same limit and dies of it. So what is left is made scarce only while the heap is being filled, and
 * is then more than whole blocks take up: that rest is V8's.
 */
import type { Pointer } from "../../../src/index.js";
import { limitData, memcmp, memset, sbrk } from "./libc.js";
import { status, tell } from "./proc.js";
import type { Library } from "./workload.js";

const ROOM = 500e6;
const FILLED = 300e6;
const BLOCK = 12e6;
/** Two blocks and what V8 needs. */
const SCARCE = 33e6;

const before = process.argv[2] === "before";
const limit = status("VmData") + (before ? ROOM : 2 ** 40);
if (before) limitData(limit);
const breakBefore = sbrk(0);
const lib: Library = await import("../../../src/index.js");
const reserved = sbrk(0) - breakBefore;

const pattern = lib.malloc(BLOCK);
memset(pattern, 0x5c, BLOCK);
const slots: Pointer[] = [];

/** Allocates blocks until refused or `bytes` are taken; what it was refused with. */
function fill(bytes: number, size: number): string {
  try {
    for (let taken = 0; taken < bytes; taken += size) {
      const pointer = lib.malloc(size);
      memset(pointer, 0x5c, size);
      slots.push(pointer);
    }
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
}

/** The same with little left under the limit. */
function fillScarce(): string {
  limitData(status("VmData") + SCARCE);
  const code = fill(Infinity, BLOCK);
  limitData(limit);
  return code;
}

/** Frees the block allocated last, after comparing it. */
function release(): void {
  const pointer = slots.pop()!;
  verify(pointer);
  lib.free(pointer);
}

function verify(pointer: Pointer): void {
  if (memcmp(pointer, pattern, BLOCK) !== 0) throw new Error(`the block at ${pointer} was overwritten`);
}

function verifyAll(): void {
  slots.forEach(verify);
  lib.check();
}

const early = fill(FILLED, BLOCK);
fill(Infinity, 2 ** 50); // what an error needs of V8 is there from now on
const count = slots.length;
const code = fillScarce();
const more = slots.length - count;
const full = lib.stats();
verifyAll();
while (slots.length > count / 2) release();
const again = fill(FILLED / 4, BLOCK);
verifyAll();
while (slots.length > 0) release();
lib.free(pattern);
lib.check();
tell({ reserved, early, code, more, full, again, end: lib.stats() });
