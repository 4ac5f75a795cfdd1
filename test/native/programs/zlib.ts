/**
 * Program: zlib compresses a file and restores it, its own memory and both buffers in this heap.
 *
 *   zlib.ts LIBRARY FILE
 */
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import {
  calloc,
  free,
  malloc,
  nativeAllocator,
  type Pointer,
  read,
  view,
  write,
} from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, put, report } from "./report.js";

/**
 * z_stream on 64-bit Linux:
 *
 *    0 next_in   8 avail_in   16 total_in   24 next_out   32 avail_out   40 total_out   48 msg   56 state
 *   64 zalloc   72 zfree      80 opaque     88 data_type  96 adler      104 reserved
 */
const STREAM_BYTES = 112;
const NEXT_IN = 0;
const AVAILABLE_IN = 8;
const NEXT_OUT = 24;
const AVAILABLE_OUT = 32;
const ZALLOC = 64;
const ZFREE = 72;
const OPAQUE = 80;

const FINISH = 4; // Z_FINISH
const OK = 0;
const STREAM_END = 1;
const MEMORY_ERROR = -4;
const DEFLATED = 8;
const WINDOW_BITS = 15;
const MEMORY_LEVEL = 8;
const CHUNK = 4096;

const [path, file] = process.argv.slice(2);
const zlib = load(path!);
const deflateInit2 = zlib.func("int deflateInit2_(uintptr_t, int, int, int, int, int, str, int)");
const inflateInit2 = zlib.func("int inflateInit2_(uintptr_t, int, str, int)");
const deflate = zlib.func("int deflate(uintptr_t, int)");
const deflateEnd = zlib.func("int deflateEnd(uintptr_t)");
const inflate = zlib.func("int inflate(uintptr_t, int)");
const inflateEnd = zlib.func("int inflateEnd(uintptr_t)");

const allocator = nativeAllocator();

function newStream(from: { zalloc: number; zfree: number }): Pointer {
  const stream = calloc(1, STREAM_BYTES);
  write.pointer(stream, from.zalloc as Pointer, ZALLOC);
  write.pointer(stream, from.zfree as Pointer, ZFREE);
  write.u64(stream, 2n ** 64n - 1n, OPAQUE); // whatever it is, zlib hands it through
  return stream;
}

function expect(what: string, result: number, wanted: number): void {
  if (result !== wanted) throw new Error(`${what} returned ${result}, not ${wanted}`);
}

/** Runs all of `input` through deflate or inflate, in chunks of output. */
function pump(step: (stream: Pointer, flush: number) => number, stream: Pointer, input: Uint8Array): Buffer {
  const source = malloc(input.length + 1);
  const chunk = malloc(CHUNK);
  put(source, input);
  write.pointer(stream, source, NEXT_IN);
  write.u32(stream, input.length, AVAILABLE_IN);
  const parts: Buffer[] = [];
  let result = OK;
  while (result === OK) {
    write.pointer(stream, chunk, NEXT_OUT);
    write.u32(stream, CHUNK, AVAILABLE_OUT);
    result = step(stream, FINISH);
    const full = CHUNK - read.u32(stream, AVAILABLE_OUT);
    parts.push(Buffer.from(view(chunk, full)));
    if (result === -5 && full > 0) result = OK; // Z_BUF_ERROR: it wants more room
  }
  expect("the last step", result, STREAM_END);
  free(source);
  free(chunk);
  return Buffer.concat(parts);
}

function compress(input: Uint8Array): Buffer {
  const stream = newStream(allocator);
  const options = [9, DEFLATED, WINDOW_BITS, MEMORY_LEVEL, 0];
  expect("deflateInit2_", deflateInit2(stream, ...options, "1.2.11", STREAM_BYTES), OK);
  const output = pump(deflate, stream, input);
  expect("deflateEnd", deflateEnd(stream), OK);
  free(stream);
  return output;
}

function restore(input: Uint8Array): Buffer {
  const stream = newStream(allocator);
  expect("inflateInit2_", inflateInit2(stream, WINDOW_BITS, "1.2.11", STREAM_BYTES), OK);
  const output = pump(inflate, stream, input);
  expect("inflateEnd", inflateEnd(stream), OK);
  free(stream);
  return output;
}

/** Under a limit that a deflate of this size does not fit in: zlib gives back what it got, and says so. */
function refusal() {
  const small = nativeAllocator({ limit: 100_000 });
  const stream = newStream(small);
  const options = [9, DEFLATED, WINDOW_BITS, MEMORY_LEVEL, 0];
  expect("deflateInit2_", deflateInit2(stream, ...options, "1.2.11", STREAM_BYTES), MEMORY_ERROR);
  free(stream);
  return accountOf(small);
}

const original = readFileSync(file!);
const compressed = compress(original);
report({
  original: original.length,
  compressed: compressed.length,
  nodeReadsIt: inflateSync(compressed).equals(original),
  restored: restore(compressed).equals(original),
  account: accountOf(allocator),
  refused: refusal(),
});
allocator.dispose();
