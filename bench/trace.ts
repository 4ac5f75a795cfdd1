/**
 * Recorded allocation traces: finds them, unpacks them, and refuses a damaged one by saying what is wrong.
 *
 * A trace file is brotli over little-endian columns, one after the other:
 *
 *   magic "HWT1" | count u32 | op u8[count] | log2align u8[count] | pad | id u32[count] | size u32[count]
 *
 * Promises: a trace that readTrace returns is consistent (ids are born before they die, and only once at a
 * time), so replayers need no checks of their own. Must not know: how anything is replayed or timed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { ROOT } from "./root.js";

/** What a record asks for. A realloc keeps its block's id. */
export const OP = { malloc: 1, calloc: 2, realloc: 3, free: 4, aligned: 5 } as const;

/** What replaying takes. */
export interface Records {
  readonly name: string;
  /** Number of records. */
  readonly count: number;
  readonly op: Uint8Array;
  /** For OP.aligned: log2 of the alignment; else 0. */
  readonly log2align: Uint8Array;
  readonly id: Uint32Array;
  /** Bytes asked for; 0 on a free. */
  readonly size: Uint32Array;
  /** One more than the highest id: the length of a table of blocks. */
  readonly blocks: number;
}

export interface Trace extends Records {
  /** Bytes asked for in live blocks, at their peak. */
  readonly peakLive: number;
  /** The record after which that peak is first reached. */
  readonly peakAt: number;
  /** The unpacked file. */
  readonly raw: Uint8Array;
}

const FOLDER = `${ROOT}/bench/traces/`;
const UNPACKED = `${ROOT}/bench/build/traces/`;
const EXTENSION = ".hwt.br";
const HEADER_BYTES = 8;
const MAGIC = 0x31545748; // "HWT1", read as a little-endian word

/** The names of the traces that come with the project, sorted. */
export const traceNames: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(EXTENSION))
  .map((file) => file.slice(0, -EXTENSION.length))
  .sort();

/** Reads and validates one trace. Throws an Error that names the trace and what is wrong with it. */
export function readTrace(name: string): Trace {
  if (!traceNames.includes(name)) {
    throw new Error(`there is no trace "${name}"; there are: ${traceNames.join(", ")}`);
  }
  return parseTrace(name, brotliDecompressSync(readFileSync(`${FOLDER}${name}${EXTENSION}`)));
}

/** The same for unpacked bytes. `name` is only used in messages. */
export function parseTrace(name: string, file: Uint8Array): Trace {
  // A copy, because a word view needs an aligned start, which a pooled Buffer does not promise.
  const raw = new Uint8Array(file);
  const records = recordsOf(name, raw);
  return { ...records, raw, ...followLife(records) };
}

/**
 * Writes the unpacked file and returns its path: for the replayer in C, and for processes in which unpacking would leave
 * pages behind that libc's malloc finds again.
 */
export function unpack({ name, raw }: Trace): string {
  mkdirSync(UNPACKED, { recursive: true });
  const path = `${UNPACKED}${name}.hwt`;
  writeFileSync(path, raw);
  return path;
}

/** Unpacked bytes as columns, without a copy: `raw` starts at an aligned address. Follows no block's life. */
export function recordsOf(name: string, raw: Uint8Array): Records {
  if (raw.length < HEADER_BYTES) throw broken(name, `${raw.length} bytes are too few for a header`);
  const header = new DataView(raw.buffer, raw.byteOffset);
  if (header.getUint32(0, true) !== MAGIC) {
    throw broken(name, `it starts with ${Buffer.from(raw.subarray(0, 4)).toString("hex")}, not with "HWT1"`);
  }
  const count = header.getUint32(4, true);
  const ids = Math.ceil((HEADER_BYTES + 2 * count) / 4) * 4;
  const expected = ids + 8 * count;
  if (raw.length !== expected) {
    throw broken(name, `${count} records take ${expected} bytes, and there are ${raw.length}`);
  }
  const op = raw.subarray(HEADER_BYTES, HEADER_BYTES + count);
  const log2align = raw.subarray(HEADER_BYTES + count, HEADER_BYTES + 2 * count);
  // Word views read in the host's byte order: every platform the library runs on is little-endian.
  const id = new Uint32Array(raw.buffer, raw.byteOffset + ids, count);
  const size = new Uint32Array(raw.buffer, raw.byteOffset + ids + 4 * count, count);
  return { name, count, op, log2align, id, size, blocks: tableLength(name, id) };
}

function tableLength(name: string, id: Uint32Array): number {
  let highest = -1;
  for (let i = 0; i < id.length; i++) if (id[i]! > highest) highest = id[i]!;
  // Each id is born by a record of its own, so more ids than records can only be garbage.
  if (highest >= id.length) throw broken(name, `the id ${highest} in a file of ${id.length} records`);
  return highest + 1;
}

/** Walks every block's life: validates it, and finds where the live bytes peak. */
function followLife({ name, count, op, id, size, blocks }: Records): { peakLive: number; peakAt: number } {
  const held = new Float64Array(blocks).fill(-1);
  let live = 0;
  let peakLive = 0;
  let peakAt = -1;
  for (let i = 0; i < count; i++) {
    const block = id[i]!;
    const old = held[block]!;
    const kind = op[i]!;
    if (kind < OP.malloc || kind > OP.aligned) throw broken(name, `record ${i} has the unknown op ${kind}`);
    const needsLive = kind === OP.realloc || kind === OP.free;
    if (needsLive !== old >= 0) {
      throw broken(name, `record ${i} (op ${kind}) finds block ${block} ${old >= 0 ? "live" : "dead"}`);
    }
    live -= Math.max(old, 0);
    held[block] = kind === OP.free ? -1 : size[i]!;
    if (kind !== OP.free) live += size[i]!;
    if (live > peakLive) {
      peakLive = live;
      peakAt = i;
    }
  }
  return { peakLive, peakAt };
}

function broken(name: string, what: string): Error {
  return new Error(`the trace "${name}" is damaged: ${what}`);
}
