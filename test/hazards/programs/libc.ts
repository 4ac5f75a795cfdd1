/**
 * The C functions that the programs call beside the library: libc's own malloc, memory by stamps, and what makes the
 * operating system refuse.
 */
import koffi from "koffi";
import { isGlibc } from "../../support/glibc.js";

type C = (...args: number[]) => number;

const libc = koffi.load(null);
function c(prototype: string): C {
  return libc.func(prototype) as unknown as C;
}

export const sbrk = c("intptr_t sbrk(intptr_t)");
export const cMalloc = c("uintptr_t malloc(size_t)");
export const cRealloc = c("uintptr_t realloc(uintptr_t, size_t)");
export const cFree = c("void free(uintptr_t)");
/** glibc's alone. */
export const mallocTrim = isGlibc ? c("int malloc_trim(size_t)") : () => 0;
export const memset = c("uintptr_t memset(uintptr_t, int, size_t)");
export const memcmp = c("int memcmp(uintptr_t, uintptr_t, size_t)");
export const mmap = c("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");

const setrlimit = libc.func("int setrlimit(int, void *)") as unknown as (
  which: number,
  pair: BigUint64Array,
) => number;

const PAGE = 4096;
const NO_ACCESS = 0;
const PRIVATE_ANONYMOUS_EXACT = 0x02 | 0x20 | 0x100000; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
const RLIMIT_DATA = 2;
const RLIMIT_AS = 9;

const TRIES = 100;

/**
 * Puts a page in the way of the break, so that every sbrk that would move it up is refused. Called in a worker, the main
 * thread's malloc may move the break just then; and something may be in its way already.
 */
export function blockBreak(): void {
  for (let tries = 0; tries < TRIES; tries++) {
    mmap(Math.ceil(sbrk(0) / PAGE) * PAGE, PAGE, NO_ACCESS, PRIVATE_ANONYMOUS_EXACT, -1, 0);
    if (Number(sbrk(1 << 20)) === -1) return;
  }
  throw new Error("sbrk still moves the break");
}

const softAndHard = new BigUint64Array([0n, 2n ** 64n - 1n]);

/** Limits the private writable memory of the process, in bytes; the hard limit stays away, so it can be lifted. */
export function limitData(bytes: number): void {
  limit(RLIMIT_DATA, bytes);
}

/** Limits the address space of the process, in bytes. */
export function limitAddressSpace(bytes: number): void {
  limit(RLIMIT_AS, bytes);
}

function limit(which: number, bytes: number): void {
  softAndHard[0] = BigInt(bytes);
  if (setrlimit(which, softAndHard) !== 0) throw new Error("setrlimit was refused");
}
