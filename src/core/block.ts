/**
 * Blocks and their headers.
 *
 * Owns the header's picture and bits, the neighbours of a block, and the steps of splitting and joining on
 * headers. Must not know lists or heaps: every function takes the words it works on.
 *
 * Glossary, the same words everywhere:
 *   block      header and payload; blocks fill a segment without gaps
 *   payload    the bytes the user holds; 16-byte aligned
 *   header     the 8 bytes in front of the payload
 *   segment    address space that one heap carves into blocks
 *   wilderness the part of the segment that carving goes on in, above its last block; it has no header
 *   fence      a header at the end of a full segment that stops joining
 *   bin        a list of free blocks of similar size
 *   cached     freed by its user, not joined yet, kept for the next request of that size
 *   join       to coalesce a free block with a free neighbour; statistics call it a merge
 *   seal       the check word that fits the header: a sealed block has it
 *   gone       of a free block's pages: given back to the kernel
 *
 * Block `b` is the word index of its header; b = 2 modulo 4, so that the payload is 16-byte aligned.
 *
 *   word b      31                            4   3      2       1      0
 *              | size of the block, in bytes    |GONE|CACHED|FREE|PREVIOUS_FREE|
 *   word b+1   | check word: b ^ size ^ secret, or that ^ mark                 |
 *   word b+2   | payload …                      | while FREE: next in its bin  |
 *   word b+3   | payload …                      | while FREE: previous in bin  |
 *   word b+4   | payload …                      | while GONE: pages given back |
 *      …
 *   last word  | payload                        | while FREE: footer: the size |
 *
 *   FREE           in a bin; links and footer are valid
 *   CACHED         freed, but in no bin: its neighbours treat it as live
 *   PREVIOUS_FREE  the block below is FREE, and the word just below this header is its footer
 *   GONE           only with FREE: of the whole pages between the links and the footer, as many as word b+4 says
 *                  were given back
 *   none           live; with a mark in the check word, freed by another thread and on its way back. The mark is the one
 *                  thing that other threads write into a header, and they do it by compareExchange: of two that free the
 *                  same block one succeeds
 *
 * Invariants, checked by check():
 *   size(b) = 16·k >= 32, except a fence (16);   b + size(b)/4 is the next block, the fence or the wilderness
 *   m[b+1] = b ^ size(b) ^ secret, or that ^ markOf(a heap) while live
 *   FREE(b)  <=>  PREVIOUS_FREE(next(b));   FREE(b) => m[next(b)-1] = size(b)
 *   FREE(b) => not FREE(next(b)), and next(b) is not the wilderness
 *
 * The size word alone is the truth: it says how to walk on and in which state the block is, and it changes by one
 * store. Check word, footer, PREVIOUS_FREE and links can be computed again from a walk over the size words.
 */
import { type Block, HEADER_BYTES, roundUp, storeRelease, WORD_BYTES } from "./memory.js";

export const PREVIOUS_FREE = 1;
const FREE = 2;
export const CACHED = 4;
const GONE = 8;
const STATE = FREE | CACHED | GONE;
const FLAGS = PREVIOUS_FREE | STATE;

/** Blocks are multiples of this many bytes. */
export const GRAIN = 16;
/** The smallest block: header, two links, footer, rounded up. */
export const MIN_BLOCK = 32;
/** The largest; two of them still add up within an int32. */
export const MAX_BLOCK = 2 ** 30 - GRAIN;
/** Bytes of a fence: a header alone. */
export const FENCE_BYTES = GRAIN;
const LEAST_REQUEST = MIN_BLOCK - HEADER_BYTES;
const ROUNDING = HEADER_BYTES + GRAIN - 1;
const GONE_COUNT = 4;
/** An odd number whose multiples up to MARKS differ from 0 in more than two neighbouring bytes; and its inverse. */
const SPREAD = 0x9e3779b1 | 0;
const GATHER = 0x0e8b2f51 | 0;
const MARKS = 1024;
/** What a free block keeps at its lower end. */
export const LINKS_END = HEADER_BYTES + 3 * WORD_BYTES; // the count of given-back pages included

/** Bytes of the block that a request needs: header included, at least MIN_BLOCK. For requests up to MAX_BLOCK. */
export function blockBytes(request: number): number {
  return request <= LEAST_REQUEST ? MIN_BLOCK : (request + ROUNDING) & -GRAIN;
}

/**
 * The first aligned payload in a block whose payload begins at `pointer`. What lies in front of it is nothing, or
 * enough for a block of its own.
 */
export function alignedPayload(pointer: number, alignment: number): number {
  const target = roundUp(pointer, alignment);
  return target !== pointer && target - pointer < MIN_BLOCK ? target + alignment : target;
}

export function sizeOf(m: Int32Array, b: Block): number {
  return m[b]! & ~FLAGS;
}

/** The block above; past the last block it is the fence or the wilderness. */
export function nextOf(m: Int32Array, b: Block): Block {
  return (b + ((m[b]! & ~FLAGS) >>> 2)) as Block;
}

/** The free block below; only while `isPreviousFree(m, b)`. */
export function previousOf(m: Int32Array, b: Block): Block {
  return (b - (m[b - 1]! >>> 2)) as Block;
}

export function isFree(m: Int32Array, b: Block): boolean {
  return (m[b]! & FREE) !== 0;
}

export function isCached(m: Int32Array, b: Block): boolean {
  return (m[b]! & CACHED) !== 0;
}

export function isPreviousFree(m: Int32Array, b: Block): boolean {
  return (m[b]! & PREVIOUS_FREE) !== 0;
}

/** Whether the free block's inner pages were given back. */
export function isGone(m: Int32Array, b: Block): boolean {
  return (m[b]! & GONE) !== 0;
}

/** The check word of a block of `size` bytes at `b`. */
export function sealOf(b: Block, size: number, secret: number): number {
  return b ^ size ^ secret;
}

/** Whether `b` carries this process's seal for its address and size, whatever its state and whether it is marked. */
export function isSealed(m: Int32Array, b: Block, secret: number): boolean {
  const difference = (m[b]! & ~FLAGS) ^ b ^ secret ^ m[b + 1]!;
  return difference === 0 || markIn(difference) !== 0;
}

/** The mark of a live block that another thread freed: what markOf() made of that thread's heap; 0 when there is none. */
export function markAt(m: Int32Array, b: Block, secret: number): number {
  return (m[b]! & STATE) === 0 ? markIn((m[b]! & ~PREVIOUS_FREE) ^ b ^ secret ^ m[b + 1]!) : 0;
}

/** The mark that a thread leaves on a block it frees: its heap's index, spread so that no stray byte looks like one. */
export function markOf(index: number): number {
  return Math.imul(index + 1, SPREAD);
}

function markIn(difference: number): number {
  const number = Math.imul(difference, GATHER) >>> 0;
  return number <= MARKS ? difference : 0;
}

/** The word that seal and mark lie in, for those who change it by compareExchange. */
export function checkWordOf(b: Block): number {
  return b + 1;
}

/** Takes a mark off again, whatever the state; who then marks the block sees that. */
export function unmark(m: Int32Array, b: Block, secret: number): void {
  storeRelease(m, b + 1, sealOf(b, sizeOf(m, b), secret));
}

/** Whether the block is cached, and carries a mark that came when its owner had freed it already. */
export function isCachedMarked(m: Int32Array, b: Block, secret: number): boolean {
  return isCached(m, b) && m[b + 1] !== sealOf(b, sizeOf(m, b), secret) && isSealed(m, b, secret);
}

/** Makes seal and mark of a block what they should be by its size word: live blocks keep their marks. */
export function reseal(m: Int32Array, b: Block, secret: number): void {
  if (markAt(m, b, secret) === 0) m[b + 1] = b ^ (m[b]! & ~FLAGS) ^ secret;
}

/** Whether `b` is sealed and live: one comparison, because any state bit spoils the seal. */
export function isSealedLive(m: Int32Array, b: Block, secret: number): boolean {
  return ((m[b]! & ~PREVIOUS_FREE) ^ b ^ secret) === m[b + 1];
}

/** Whether `b` is cached, `size` bytes large, sealed and without a mark, as nearly every cached block is: two comparisons. */
export function isSealedCached(m: Int32Array, b: Block, size: number, secret: number): boolean {
  if ((m[b]! & ~PREVIOUS_FREE) !== (size | CACHED)) return false;
  return (b ^ size ^ secret) === m[b + 1];
}

/** Whether `b` is free, `size` bytes large and sealed, nothing below it is free, and no page of it was given back. */
export function isSealedFree(m: Int32Array, b: Block, size: number, secret: number): boolean {
  return m[b]! === (size | FREE) && (b ^ size ^ secret) === m[b + 1];
}

/** Writes a live header; PREVIOUS_FREE is off. The size word last: it is what commits. */
export function writeLive(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b + 1] = b ^ size ^ secret;
  m[b] = size;
}

/** A header for a block that is freed and not yet in a bin. */
export function writeFreed(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b + 1] = b ^ size ^ secret;
  m[b] = size | CACHED;
}

/** Header and footer of a free block; the next block's PREVIOUS_FREE is the caller's. */
export function writeFree(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b + (size >>> 2) - 1] = size;
  m[b] = size | FREE;
  m[b + 1] = b ^ size ^ secret;
}

/** Gives a live block another size, its state unchanged; the one store that joins it with what is above. */
export function resizeLive(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b] = size | (m[b]! & PREVIOUS_FREE);
  m[b + 1] = b ^ size ^ secret;
}

/** live -> cached. One store. */
export function markCached(m: Int32Array, b: Block): void {
  m[b] = m[b]! | CACHED;
}

/**
 * marked -> cached, without the mark. In this order: a block that is live without a mark could be freed once more, by whoever
 * frees it twice.
 */
export function cacheMarked(m: Int32Array, b: Block, secret: number): void {
  markCached(m, b);
  unmark(m, b, secret);
}

/** cached -> live, without a mark: whoever freed it just when its owner did, and marked it, came too late. */
export function markLive(m: Int32Array, b: Block, secret: number): void {
  const header = m[b]! & ~CACHED;
  m[b] = header;
  m[b + 1] = (header & ~PREVIOUS_FREE) ^ b ^ secret;
}

/** Pages of a free block that were given back. */
export function gonePages(m: Int32Array, b: Block): number {
  return (m[b]! & GONE) === 0 ? 0 : m[b + GONE_COUNT]!;
}

/** Notes how many; the flag last, for it says that the count is valid. */
export function setGonePages(m: Int32Array, b: Block, pages: number): void {
  m[b + GONE_COUNT] = pages;
  m[b] = pages === 0 ? m[b]! & ~GONE : m[b]! | GONE;
}

export function markPreviousFree(m: Int32Array, b: Block): void {
  m[b] = m[b]! | PREVIOUS_FREE;
}

export function markPreviousLive(m: Int32Array, b: Block): void {
  m[b] = m[b]! & ~PREVIOUS_FREE;
}

/** A header inside a block that grew over it must not look like one again. */
export function breakSeal(m: Int32Array, b: Block): void {
  m[b + 1] = 0;
}

/** First whole page of a free block that holds neither header, links nor footer, as a byte offset in the window. */
export function innerStart(b: Block, pageSize: number): number {
  const links = b * WORD_BYTES + LINKS_END;
  return Math.ceil(links / pageSize) * pageSize;
}

/** End of the last such page; at most innerStart when there is none. */
export function innerEnd(b: Block, size: number, pageSize: number): number {
  const footer = b * WORD_BYTES + size - WORD_BYTES;
  return Math.floor(footer / pageSize) * pageSize;
}

if (MIN_BLOCK < LINKS_END + WORD_BYTES)
  throw new Error("block: the smallest block cannot hold links and footer");
if (Math.imul(SPREAD, GATHER) !== 1) throw new Error("block: marks cannot be told from seals");
if (STATE >= GRAIN) throw new Error("block: the state bits reach into the size");
