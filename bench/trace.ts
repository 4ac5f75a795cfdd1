/**
 * Recorded allocation traces: finds them, unpacks them, and refuses a damaged one by saying what is wrong.
 *
 * A trace file is brotli over little-endian columns, one after the other:
 *
 *   magic "HWT1" | count u32 | op u8[count] | log2align u8[count] | pad | id u32[count] | size u32[count]
 *
 * Ids and sizes are read as int32, and refused where they are not below 2^31: what comes from a Uint32Array V8 tests, and
 * carries as a double where it may be larger. A replay of a recorded xmllint program takes 10 % less with int32.
 *
 * Promises: a trace that readTrace returns is consistent (ids are born before they die, and only once at a
 * time), so replayers need no checks of their own. Must not know: how anything is replayed or timed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { ROOT } from "./root.js";

/** What a record asks for. A realloc keeps its block's id. */
export const OP = { malloc: 1, calloc: 2, realloc: 3, free: 4, aligned: 5 } as const;

export interface Trace {
  readonly name: string;
  /** Number of records. */
  readonly count: number;
  readonly op: Uint8Array;
  /** For OP.aligned: log2 of the alignment; else 0. */
  readonly log2align: Uint8Array;
  readonly id: Int32Array;
  /** Bytes asked for; 0 on a free. */
  readonly size: Int32Array;
  /** One more than the highest id: the length of a table of blocks. */
  readonly blocks: number;
  /** Bytes asked for in live blocks, at their peak. */
  readonly peakLive: number;
  /** The record after which that peak is first reached. */
  readonly peakAt: number;
  /** The unpacked file, for the replayer in C. */
  readonly raw: Uint8Array;
}

const FOLDER = `${ROOT}/bench/traces/`;
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
  if (raw.length < HEADER_BYTES) throw broken(name, `${raw.length} bytes are too few for a header`);
  const header = new DataView(raw.buffer);
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
  const id = new Int32Array(raw.buffer, ids, count);
  const size = new Int32Array(raw.buffer, ids + 4 * count, count);
  const columns = { name, count, op, log2align, id, size, raw };
  const blocks = tableLength(columns);
  return { ...columns, blocks, ...followLife(columns, blocks) };
}

type Columns = Omit<Trace, "blocks" | "peakLive" | "peakAt">;

function tableLength({ name, count, id }: Columns): number {
  let highest = -1;
  for (let i = 0; i < count; i++) {
    if (id[i]! < 0) throw broken(name, `record ${i} has the id ${id[i]! >>> 0}`);
    if (id[i]! > highest) highest = id[i]!;
  }
  // Each id is born by a record of its own, so more ids than records can only be garbage.
  if (highest >= count) throw broken(name, `the id ${highest} in a file of ${count} records`);
  return highest + 1;
}

/** Walks every block's life: validates it, and finds where the live bytes peak. */
function followLife(columns: Columns, blocks: number): { peakLive: number; peakAt: number } {
  const { name, count, op, id, size } = columns;
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
    if (size[i]! < 0) throw broken(name, `record ${i} asks for ${size[i]! >>> 0} bytes, more than 2^31 - 1`);
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
