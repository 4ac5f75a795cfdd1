/**
 * Blocks and their headers.
 *
 * Owns the header's picture and bits, a block's neighbours, and changes of headers. Must not know lists or heaps: each
 * function takes the words it works on. The terms are in the glossary of src/README.md.
 *
 * Block `b` is the word index of its header; b = 2 modulo 4, so that the payload is 16-byte aligned.
 *
 *   word b      31                            4   3       2      1       0
 *              | size of the block, in bytes    |PURGED|CACHED|FREE|PREVIOUS_FREE|
 *   word b+1   | live, FREE: checksum = b ^ size ^ secret; the secret's top bit is set, so the checksum's is |
 *              | live, freed by another thread: checksum ^ mark                                             |
 *              | CACHED: link, the next block of its list or 0; its top bit is clear                         |
 *   word b+2   | payload …                      | while FREE: next in its bin  |
 *   word b+3   | payload …                      | while FREE: previous in bin  |
 *   word b+4   | payload …                      | while PURGED: how many pages |
 *      …
 *   last word  | payload                        | while FREE: footer: the size |
 *
 *   FREE           in a bin; links and footer are valid
 *   CACHED         freed, and in the cache, a small bin or the victim, or about to be: not coalesced with neighbours
 *   PREVIOUS_FREE  the block below is FREE, and the word just below this header is its footer
 *   PURGED         only with FREE: of the whole pages between links and footer, as many are purged as word b+4 says
 *   none           live; with a mark in the checksum, freed by another thread and not taken back yet. Other threads write
 *                  nothing else into a header, and the mark by compareExchange: of two that free a block one succeeds
 *
 * A cached block has its link where a live one has its checksum, so the test that every free makes finds a second free.
 *
 * Invariants, checked by check():
 *   size(b) = 16·k >= 32, except a fence (16);   b + size(b)/4 is the next block, the fence or the wilderness
 *   m[b+1] = b ^ size(b) ^ secret, or that ^ markOf(a heap) while live;   CACHED(b) => m[b+1] = link
 *   FREE(b)  <=>  PREVIOUS_FREE(next(b));   FREE(b) => m[next(b)-1] = size(b)
 *   FREE(b) => not FREE(next(b)), and next(b) is not the wilderness
 *
 * The size word is the truth: it says where the next block is and in which state this one is, and it changes by one store.
 * All else (checksum, link, footer, PREVIOUS_FREE, links of bins) can be rebuilt by a walk over the size words.
 */
import { type Block, HEADER_BYTES, roundUp, storeRelease, WORD_BYTES } from "../memory/memory.js";

export const PREVIOUS_FREE = 1;
export const FREE = 2;
export const CACHED = 4;
export const PURGED = 8;
const STATE = FREE | CACHED | PURGED;
export const FLAGS = PREVIOUS_FREE | STATE;

/** Bytes of a unit: sizes of blocks are multiples of it. */
export const UNIT_BYTES = 16;
/** The smallest block: header, two links, count of purged pages, footer, rounded up. */
export const MIN_BLOCK = 32;
/** The largest block; the sum of two is still an int32. */
export const MAX_BLOCK = 2 ** 30 - UNIT_BYTES;
/** Bytes of a fence: a header alone. */
export const FENCE_BYTES = UNIT_BYTES;
export const LEAST_REQUEST = MIN_BLOCK - HEADER_BYTES;
export const ROUNDING = HEADER_BYTES + UNIT_BYTES - 1;
const PURGED_COUNT = 4;
/** Odd; its multiples up to MARKS have bits in more than two neighbouring bytes. And its inverse modulo 2^32. */
const SPREAD = 0x9e3779b1 | 0;
const GATHER = 0x0e8b2f51 | 0;
const MARKS = 1024;
/** Bytes at the lower end of a free block that are in use: header, links, count of purged pages. */
export const LINKS_END = HEADER_BYTES + 3 * WORD_BYTES;

/** Bytes behind each block that a guard watches; 0 without one. */
let redZone = 0;

/** Before the first block is allocated. */
export function setRedZone(bytes: number): void {
  redZone = bytes;
}

export function redZoneBytes(): number {
  return redZone;
}

/** Bytes of the block for a request of so many: with header and red zone, at least MIN_BLOCK. For requests up to MAX_BLOCK. */
export function blockBytes(request: number): number {
  const bytes = request + redZone;
  return bytes <= LEAST_REQUEST ? MIN_BLOCK : (bytes + ROUNDING) & -UNIT_BYTES;
}

/** The first aligned payload from `pointer` on that leaves nothing in front of it, or enough for a block. */
export function alignedPayload(pointer: number, alignment: number): number {
  const target = roundUp(pointer, alignment);
  return target !== pointer && target - pointer < MIN_BLOCK ? target + alignment : target;
}

export function sizeOf(m: Int32Array, b: Block): number {
  return m[b]! & ~FLAGS;
}

/** The block above; the fence or the wilderness above the last one. */
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

/** Whether some pages of the free block are purged. */
export function isPurged(m: Int32Array, b: Block): boolean {
  return (m[b]! & PURGED) !== 0;
}

/** The checksum of a live or free block of `size` bytes at `b`. */
export function checksumOf(b: Block, size: number, secret: number): number {
  return b ^ size ^ secret;
}

/** Links a cached block to the next one of its list; 0 ends it. */
export function linkTo(m: Int32Array, b: Block, next: number): void {
  m[b + 1] = next;
}

/** The next block of a cached block's list; any number when it was overwritten. */
export function linkOf(m: Int32Array, b: Block): number {
  return m[b + 1]!;
}

/** Whether a number is a plausible link: 0, or a word index at which a block may lie. */
export function isLink(next: number): boolean {
  return next === 0 || (next >>> 30 === 0 && (next & 3) === 2);
}

/** Whether the second word of a header is valid: the checksum, marked or not; for a cached block a plausible link. */
export function isIntact(m: Int32Array, b: Block, secret: number): boolean {
  if (isCached(m, b)) return isLink(linkOf(m, b));
  const difference = (m[b]! & ~FLAGS) ^ b ^ secret ^ m[b + 1]!;
  return difference === 0 || isMark(difference);
}

/** The mark in a live block's checksum: markOf() of the heap whose thread freed it; 0 for none. */
export function markAt(m: Int32Array, b: Block, secret: number): number {
  if ((m[b]! & STATE) !== 0) return 0;
  const difference = (m[b]! & ~PREVIOUS_FREE) ^ b ^ secret ^ m[b + 1]!;
  return isMark(difference) ? difference : 0;
}

/** The mark of the heap with that index. It has bits in several bytes, so that an overwritten byte is no mark. */
export function markOf(index: number): number {
  return Math.imul(index + 1, SPREAD);
}

/** Whether `difference`, a checksum ^ the expected one, is a mark. */
export function isMark(difference: number): boolean {
  return difference !== 0 && Math.imul(difference, GATHER) >>> 0 <= MARKS;
}

/** The index of the word with checksum and mark, for compareExchange. */
export function checkWordOf(b: Block): number {
  return b + 1;
}

/** Removes the mark of a live block. Releases: another thread may mark it next. */
export function unmark(m: Int32Array, b: Block, secret: number): void {
  storeRelease(m, b + 1, checksumOf(b, sizeOf(m, b), secret));
}

/** Rebuilds the second word of a header from its size word; a mark stays. */
export function rebuildCheckWord(m: Int32Array, b: Block, secret: number): void {
  if (isCached(m, b)) linkTo(m, b, 0);
  else if (markAt(m, b, secret) === 0) m[b + 1] = checksumOf(b, sizeOf(m, b), secret);
}

/** Whether `b` is live, unmarked and its checksum right. One comparison: a state bit makes it fail as well. */
export function isIntactLive(m: Int32Array, b: Block, secret: number): boolean {
  return ((m[b]! & ~PREVIOUS_FREE) ^ b ^ secret) === m[b + 1];
}

/** Writes a live header, PREVIOUS_FREE clear. The size word last: with that store the block exists. */
export function writeLive(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b + 1] = b ^ size ^ secret;
  m[b] = size;
}

/** Writes the header of a cached block that is in no list yet, PREVIOUS_FREE clear. */
export function writeCached(m: Int32Array, b: Block, size: number): void {
  linkTo(m, b, 0);
  m[b] = size | CACHED;
}

/** Writes header and footer of a free block. The caller sets PREVIOUS_FREE in the next one. */
export function writeFree(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b + (size >>> 2) - 1] = size;
  m[b] = size | FREE;
  m[b + 1] = b ^ size ^ secret;
}

/** Changes a live block's size; the first store coalesces it with what lies above. */
export function resizeLive(m: Int32Array, b: Block, size: number, secret: number): void {
  m[b] = size | (m[b]! & PREVIOUS_FREE);
  m[b + 1] = b ^ size ^ secret;
}

/**
 * live -> cached, in no list; removes a mark. The size word first: while the block is live without a mark, a second free
 * by another thread would succeed.
 */
export function markCached(m: Int32Array, b: Block): void {
  m[b] = m[b]! | CACHED;
  storeRelease(m, b + 1, 0);
}

/** cached, in no list -> live. The size word last. */
export function markLive(m: Int32Array, b: Block, secret: number): void {
  const header = m[b]! & ~CACHED;
  m[b + 1] = (header & ~PREVIOUS_FREE) ^ b ^ secret;
  m[b] = header;
}

/** Purged pages of a free block. */
export function purgedPages(m: Int32Array, b: Block): number {
  return (m[b]! & PURGED) === 0 ? 0 : m[b + PURGED_COUNT]!;
}

/** The flag last: it says that the count is valid. */
export function setPurgedPages(m: Int32Array, b: Block, pages: number): void {
  m[b + PURGED_COUNT] = pages;
  m[b] = pages === 0 ? m[b]! & ~PURGED : m[b]! | PURGED;
}

export function markPreviousFree(m: Int32Array, b: Block): void {
  m[b] = m[b]! | PREVIOUS_FREE;
}

export function markPreviousLive(m: Int32Array, b: Block): void {
  m[b] = m[b]! & ~PREVIOUS_FREE;
}

/** Clears the checksum of a header that is payload of a grown block now, so that no pointer to it passes for a block's. */
export function clearChecksum(m: Int32Array, b: Block): void {
  m[b + 1] = 0;
}

// Inner pages of a free block: whole pages without header, links or footer, which can be purged.

/** Where the inner pages begin, as a byte offset in the window. */
export function innerStart(b: Block, pageSize: number): number {
  const links = b * WORD_BYTES + LINKS_END;
  return Math.ceil(links / pageSize) * pageSize;
}

/** Where they end; innerStart or less when there are none. */
export function innerEnd(b: Block, size: number, pageSize: number): number {
  const footer = b * WORD_BYTES + size - WORD_BYTES;
  return Math.floor(footer / pageSize) * pageSize;
}

export function innerPages(b: Block, size: number, pageSize: number): number {
  return Math.max(0, innerEnd(b, size, pageSize) - innerStart(b, pageSize)) / pageSize;
}

if (MIN_BLOCK < LINKS_END + WORD_BYTES)
  throw new Error("block: the smallest block cannot hold links and footer");
if (Math.imul(SPREAD, GATHER) !== 1) throw new Error("block: marks cannot be told from checksums");
if (STATE >= UNIT_BYTES) throw new Error("block: the state bits reach into the size");
