/**
 * Proof: what the tour says is verified.
 *
 * Owns the ways to state that something holds. A statement that does not hold throws and so ends the tour.
 */
import { check, type Pointer, read, type Stats, stats, walk, write } from "../../src/index.js";

let verified = 0;

/** How many statements were verified so far. */
export function verifiedSoFar(): number {
  return verified;
}

export function verify(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not true: ${what}`);
  verified++;
}

export function same<T extends number | string>(what: string, is: T, should: T): T {
  verify(is === should, `${what} is ${is} and not ${should}`);
  return is;
}

/** Fills a block with bytes that only `seed` and their place explain. */
export function stamp(pointer: Pointer, bytes: number, seed: number): void {
  for (let at = 0; at < bytes; at++) write.u8(pointer, stampByte(seed, at), at);
}

/** That the first `bytes` bytes still are what stamp() wrote. */
export function verifyStamp(what: string, pointer: Pointer, bytes: number, seed: number): void {
  for (let at = 0; at < bytes; at++) {
    if (read.u8(pointer, at) !== stampByte(seed, at)) throw new Error(`not true: ${what} kept byte ${at}`);
  }
  verified++;
}

function stampByte(seed: number, at: number): number {
  return (Math.imul(at + 1, seed) >>> 3) & 0xff;
}

/** Everything that can be seen of the heap from outside, to be compared later. Not what V8 counts: a collection changes that. */
export function snapshot(): string {
  return JSON.stringify([[...walk()], { ...stats(), external: 0 }]);
}

/** That every header, list and bitmap agrees with every other, and nothing is in use. */
export function verifyEmpty(where: string): void {
  check();
  same(`the number of blocks in use after "${where}"`, stats().blocks, 0);
  same(`the number of bytes in use after "${where}"`, stats().allocated, 0);
}

/** What an action changed in the figures that only ever rise. */
export type Changes = Pick<Stats, "splits" | "merges" | "mmaps" | "munmaps" | "mremaps" | "trims">;

/** Does something and says what it changed. */
export function watch(action: () => void): Changes {
  const before = stats();
  action();
  const after = stats();
  return {
    splits: after.splits - before.splits,
    merges: after.merges - before.merges,
    mmaps: after.mmaps - before.mmaps,
    munmaps: after.munmaps - before.munmaps,
    mremaps: after.mremaps - before.mremaps,
    trims: after.trims - before.trims,
  };
}
