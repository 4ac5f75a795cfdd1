/**
 * Replays a trace through heapwright and trusts nothing: every block is stamped over its whole length with a
 * pattern of its own, and the pattern is verified before the block is freed or resized, and over the part
 * that a resize kept. Two blocks that share a byte, a resize that loses one, or memory that something else
 * wrote to cannot go unnoticed. Knows nothing of how the allocator works.
 */
import {
  alignedAlloc,
  calloc,
  free,
  malloc,
  type Pointer,
  read,
  realloc,
  usableSize,
  write,
} from "../src/index.js";
import { OP, type Trace } from "./trace.js";

export interface Observer {
  /** Called now and then with the records done so far, and once at the end. */
  onProgress?: (done: number, count: number) => void;
}

export interface VerifiedReplay {
  readonly operations: number;
  /** Blocks whose contents were verified, those left over at the end included. */
  readonly verified: number;
  readonly bytesVerified: number;
}

const PROGRESS_EVERY = 1 << 14;
const WORD = 4;

/** What the verifier knows of each live block, by id. A pointer of 0: not live. */
interface Ledger {
  readonly pointers: Float64Array;
  readonly sizes: Float64Array;
  readonly stamps: Int32Array;
  verified: number;
  bytesVerified: number;
}

/** One verified pass; frees what is left over. Throws an Error that names the record and the byte. */
export function replayVerified(trace: Trace, observer: Observer = {}): VerifiedReplay {
  const ledger: Ledger = {
    pointers: new Float64Array(trace.blocks),
    sizes: new Float64Array(trace.blocks),
    stamps: new Int32Array(trace.blocks),
    verified: 0,
    bytesVerified: 0,
  };
  for (let i = 0; i < trace.count; i++) {
    if (i % PROGRESS_EVERY === 0) observer.onProgress?.(i, trace.count);
    step(trace, ledger, i);
  }
  for (let id = 0; id < trace.blocks; id++) {
    if (ledger.pointers[id] !== 0) release(ledger, id, trace.count);
  }
  observer.onProgress?.(trace.count, trace.count);
  const { verified, bytesVerified } = ledger;
  return { operations: trace.count, verified, bytesVerified };
}

function step(trace: Trace, ledger: Ledger, record: number): void {
  const id = trace.id[record]!;
  const bytes = trace.size[record]!;
  const kind = trace.op[record];
  if (kind === OP.free) {
    release(ledger, id, record);
  } else if (kind === OP.realloc) {
    resize(ledger, id, bytes, record);
  } else if (kind === OP.malloc) {
    adopt(ledger, id, malloc(bytes), bytes, 16, record);
  } else if (kind === OP.calloc) {
    const pointer = calloc(1, bytes);
    verifyZero(pointer, bytes, record);
    adopt(ledger, id, pointer, bytes, 16, record);
  } else {
    const alignment = 2 ** trace.log2align[record]!;
    adopt(ledger, id, alignedAlloc(alignment, bytes), bytes, alignment, record);
  }
}

function adopt(
  ledger: Ledger,
  id: number,
  pointer: Pointer,
  bytes: number,
  alignment: number,
  record: number,
): void {
  if (pointer % alignment !== 0) throw wrong(record, pointer, `is not aligned to ${alignment}`);
  const usable = usableSize(pointer);
  if (usable < bytes) throw wrong(record, pointer, `has ${usable} usable bytes, ${bytes} were asked for`);
  // An odd multiplier spreads the record number over all bits: no two blocks alive carry the same words.
  const stamp = Math.imul(record + 1, 0x9e3779b1);
  ledger.pointers[id] = pointer;
  ledger.sizes[id] = bytes;
  ledger.stamps[id] = stamp;
  writeStamp(pointer, bytes, stamp);
}

function release(ledger: Ledger, id: number, record: number): void {
  const pointer = ledger.pointers[id] as Pointer;
  verifyBlock(ledger, id, record);
  free(pointer);
  ledger.pointers[id] = 0;
}

function resize(ledger: Ledger, id: number, bytes: number, record: number): void {
  const oldBytes = ledger.sizes[id]!;
  verifyBlock(ledger, id, record);
  const pointer = realloc(ledger.pointers[id] as Pointer, bytes);
  // The tail bytes of a stamp depend on no length, so a prefix of the old contents verifies as it is.
  verifyStamp(pointer, Math.min(oldBytes, bytes), ledger.stamps[id]!, record);
  adopt(ledger, id, pointer, bytes, 16, record);
}

function verifyBlock(ledger: Ledger, id: number, record: number): void {
  const bytes = ledger.sizes[id]!;
  verifyStamp(ledger.pointers[id] as Pointer, bytes, ledger.stamps[id]!, record);
  ledger.verified++;
  ledger.bytesVerified += bytes;
}

/** Word k of a block holds stamp + k: a block copied to the wrong place inside itself shows as well. */
function writeStamp(pointer: Pointer, bytes: number, stamp: number): void {
  const whole = bytes - (bytes % WORD);
  for (let at = 0, word = stamp; at < whole; at += WORD, word = (word + 1) | 0) write.i32(pointer, word, at);
  for (let at = whole; at < bytes; at++) write.u8(pointer, stampByte(stamp, at), at);
}

function verifyStamp(pointer: Pointer, bytes: number, stamp: number, record: number): void {
  const whole = bytes - (bytes % WORD);
  for (let at = 0, word = stamp; at < whole; at += WORD, word = (word + 1) | 0) {
    if (read.i32(pointer, at) !== word)
      throw wrong(record, pointer, `was overwritten in bytes ${at} to ${at + 3}`);
  }
  for (let at = whole; at < bytes; at++) {
    if (read.u8(pointer, at) !== stampByte(stamp, at))
      throw wrong(record, pointer, `was overwritten in byte ${at}`);
  }
}

/** The byte that a whole word would have put there (least significant byte first). */
function stampByte(stamp: number, at: number): number {
  return ((stamp + (at >>> 2)) >>> ((at & 3) * 8)) & 0xff;
}

function verifyZero(pointer: Pointer, bytes: number, record: number): void {
  for (let at = 0; at < bytes; at++) {
    if (read.u8(pointer, at) !== 0) throw wrong(record, pointer, `came from calloc with byte ${at} not zero`);
  }
}

function wrong(record: number, pointer: number, what: string): Error {
  return new Error(`record ${record}: the block at 0x${pointer.toString(16)} ${what}`);
}
