/**
 * Which block an address lies in, for messages and for a guard that looks at every access.
 *
 * Headers are looked for from the address downward: a checksum is hardly ever met by chance. So it takes as long as the block is
 * large. What looks like a freed block's header may be left over inside a live block, so the search then goes on for that. Reads only where
 * a chunk has an owner. Any thread.
 */
import { guarded } from "../api/attached.js";
import { heap } from "../api/malloc.js";
import { isFree, isIntact, isIntactLive, MIN_BLOCK, markAt, sizeOf, UNIT_BYTES } from "../block/block.js";
import { ownerOfWord } from "../memory/control.js";
import { type Block, HEADER_BYTES, type Pointer, WORD_BYTES } from "../memory/memory.js";

/** The block that an address lies in, or the one below it. */
export interface Around {
  readonly pointer: Pointer;
  /** Usable bytes, red zone included. */
  readonly usable: number;
  readonly isLive: boolean;
}

const UNIT_WORDS = UNIT_BYTES / WORD_BYTES;

/** null when there is none below it in memory of the heap. */
export function blockAround(address: number): Around | null {
  const { window } = heap;
  return window.inZone(address) && ownerOfWord(heap.words, window.blockOf(address)) !== 0
    ? inSegment(address)
    : inMapping(address);
}

function inSegment(address: number): Around | null {
  const { window, words: m, secret } = heap;
  const offset = address - window.payloadBase;
  let freed: Around | null = null;
  const first = (((offset >>> 4) << 2) + 2 - UNIT_WORDS) as Block;
  for (
    let b = (first + UNIT_WORDS) as Block;
    b > 0 && ownerOfWord(m, b) !== 0;
    b = (b - UNIT_WORDS) as Block
  ) {
    if (window.pointerOf(b) > address || sizeOf(m, b) < MIN_BLOCK) continue;
    const isLive = isIntactLive(m, b, secret);
    const found = { pointer: window.pointerOf(b), usable: sizeOf(m, b) - HEADER_BYTES, isLive };
    if (isLive) return freed === null || address < found.pointer + found.usable ? found : freed;
    if (markAt(m, b, secret) !== 0 || (isFree(m, b) && isIntact(m, b, secret))) freed ??= found;
  }
  return freed;
}

function inMapping(address: number): Around | null {
  const { large } = heap;
  return guarded(() => {
    const mapping = large.mappingAt(address);
    const pointer = mapping === null ? 0 : large.payloadIn(mapping[0], mapping[1]);
    return pointer === 0
      ? null
      : { pointer: pointer as Pointer, usable: large.sizeOf(pointer), isLive: true };
  });
}
