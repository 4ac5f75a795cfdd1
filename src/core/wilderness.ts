/**
 * The wilderness: the part of a heap's active segment that is not cut into blocks yet.
 *
 * Owns how it is carved, and what becomes of it when the last block is freed. Must not know how free blocks are found or
 * joined; how far it is committed and what comes after it is extent.ts's. Its whole state is in the heap record:
 *
 *     start            top              high        commit               end
 *       | blocks …      | touched once   | untouched, | not charged yet    |
 *       |               |                | charged    |                    |
 *
 *   start <= top <= commit <= end,  high <= commit;  what lies above max(top, high) is zero
 */

import { breakSeal, resizeLive, sizeOf, writeFreed, writeLive } from "./block.js";
import { Extent } from "./extent.js";
import { type Block, WORD_BYTES } from "./memory.js";
import { Rec } from "./record.js";
import { trimWilderness } from "./trim.js";

/** No word of the block that was taken last is known to be zero. */
export const NOTHING_CLEAN = 0x7fffffff;

export class Wilderness extends Extent {
  /** From this word on the block that take() or grow() returned is fresh from the operating system, so zero. */
  cleanFrom = NOTHING_CLEAN;
  /** How many blocks were carved at once. */
  carved = 0;

  /** A live block from a wilderness that is committed further first; 0 when limit, window or kernel forbid it. */
  grow(size: number): Block {
    if (!this.commitFor(size) && !this.openNext(size)) return 0 as Block;
    return this.carveOne(size);
  }

  /** Lets a live block that ends at the wilderness grow into it by `more` bytes; false when it cannot. */
  extendIntoWilderness(b: Block, more: number): boolean {
    const m = this.m;
    if (!this.commitFor(more)) return false;
    const { record } = this;
    const top = m[record + Rec.top]! as Block;
    // A freed block between b and the new top, so that the segment can be walked while the top moves.
    writeFreed(m, top, more, this.secret);
    m[record + Rec.top] = top + (more >>> 2);
    resizeLive(m, b, sizeOf(m, b) + more, this.secret);
    breakSeal(m, top);
    return true;
  }

  /** The same without taking more address space. */
  growWithin(size: number): Block {
    return this.commitWithin(size) ? this.carveOne(size) : (0 as Block);
  }

  /** A live block of `size` bytes, if that much is committed; else 0. */
  protected carveOne(size: number): Block {
    const m = this.m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    const newTop = top + (size >>> 2);
    if (newTop > m[record + Rec.commit]!) return 0 as Block;
    const high = m[record + Rec.high]!;
    this.cleanFrom = Math.max(high, top);
    writeLive(m, top as Block, size, this.secret);
    m[record + Rec.top] = newTop;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
    return top as Block;
  }

  /** Up to `most` blocks marked CACHED, as far as the wilderness is committed; the lowest, and `carved`. */
  protected carveMany(size: number, most: number): Block {
    const m = this.m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    const step = size >>> 2;
    const count = Math.min(most, ((m[record + Rec.commit]! - top) / step) | 0);
    this.carved = count;
    if (count === 0) return 0 as Block;
    this.loops.layOut(top as Block, size, count, this.secret);
    m[record + Rec.top] = top + count * step;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + count;
    return top as Block;
  }

  /** The `blocks` blocks from `b` up to the top are free: the wilderness begins at `b`. */
  retreat(b: Block, blocks: number, gone: number): void {
    const m = this.m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    if (top > m[record + Rec.high]!) m[record + Rec.high] = top;
    m[record + Rec.top] = b;
    m[record + Rec.blocks] = m[record + Rec.blocks]! - blocks;
    this.loosen((top - b) * WORD_BYTES);
    // In the wilderness pages are charged up to the commit mark: where some are gone already, the rest goes too.
    if (gone > 0) trimWilderness(this, gone);
  }

  /** Notes that free memory came into a large run. */
  loosen(bytes: number): void {
    this.m[this.record + Rec.loose] = this.m[this.record + Rec.loose]! + (bytes >>> 4);
  }
}
