/**
 * From the events that native/record.c wrote to a trace as trace.ts reads it.
 *
 * Owns turning addresses into ids: a block's id is free for another one when the block is freed, the one freed last
 * first. Blocks that were there before the recording began are left out.
 */
import { brotliCompressSync, constants } from "node:zlib";
import { OP } from "./trace.js";

const HEADER_WORDS = 4;
const EVENT_WORDS = 4;
const WORD = 8;
const TRACE_HEADER = 8;
const MAX_SIZE = 2 ** 32 - 1;

interface Columns {
  readonly op: number[];
  readonly log2align: number[];
  readonly id: number[];
  readonly size: number[];
}

/** The length in bytes of a recording that begins so. */
export function recordingLength(header: Uint8Array): number {
  const { buffer, byteOffset } = header;
  const count = Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  return (HEADER_WORDS + count * EVENT_WORDS) * WORD;
}

/** An unpacked trace. Throws an Error for a block that is too large for one. */
export function traceFrom(recording: Uint8Array): Uint8Array {
  const words = new Float64Array(recording.length / WORD);
  const view = new DataView(recording.buffer, recording.byteOffset, recording.length);
  // Addresses and sizes are below 2^53.
  for (let i = 0; i < words.length; i++) words[i] = Number(view.getBigUint64(i * WORD, true));
  return assemble(numberBlocks(words));
}

/** The file that bench/traces/ holds. */
export function pack(trace: Uint8Array): Uint8Array {
  return brotliCompressSync(trace, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}

function numberBlocks(words: Float64Array): Columns {
  const columns: Columns = { op: [], log2align: [], id: [], size: [] };
  const ids = new Map<number, number>();
  const spare: number[] = [];
  let used = 0;
  for (let at = HEADER_WORDS; at < words.length; at += EVENT_WORDS) {
    const kind = words[at]! % 256;
    const given = words[at + 1]!;
    const returned = words[at + 2]!;
    const bytes = words[at + 3]!;
    const old = ids.get(given);
    if (kind === OP.free && old === undefined) continue;
    const unknown = kind === OP.realloc && old === undefined;
    const id = old ?? spare.pop() ?? used++;
    ids.delete(given);
    if (kind === OP.free) spare.push(id);
    else ids.set(returned, id);
    add(columns, unknown ? OP.malloc : kind, Math.floor(words[at]! / 256), id, bytes);
  }
  return columns;
}

function add(
  { op, log2align, id, size }: Columns,
  kind: number,
  log2: number,
  block: number,
  bytes: number,
): void {
  if (bytes > MAX_SIZE) throw new Error(`a block of ${bytes} bytes does not fit into a trace`);
  op.push(kind);
  log2align.push(log2);
  id.push(block);
  size.push(bytes);
}

function assemble({ op, log2align, id, size }: Columns): Uint8Array {
  const count = op.length;
  const ids = Math.ceil((TRACE_HEADER + 2 * count) / 4) * 4;
  const trace = new Uint8Array(ids + 8 * count);
  trace.set(Buffer.from("HWT1"));
  new DataView(trace.buffer).setUint32(4, count, true);
  trace.set(op, TRACE_HEADER);
  trace.set(log2align, TRACE_HEADER + count);
  new Uint32Array(trace.buffer, ids, count).set(id);
  new Uint32Array(trace.buffer, ids + 4 * count, count).set(size);
  return trace;
}
