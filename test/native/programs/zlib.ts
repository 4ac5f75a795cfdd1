/**
 * Program: zlib compresses a file and restores it, its own memory and both buffers in this heap.
 *
 *   zlib.ts LIBRARY FILE
 */
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import {
  type FunctionPointer,
  free,
  malloc,
  nativeAllocator,
  type RecordOf,
  struct,
  view,
} from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, put, report } from "./report.js";

/** z_stream. */
const Stream = struct({
  next_in: "pointer",
  avail_in: "u32",
  total_in: "u64",
  next_out: "pointer",
  avail_out: "u32",
  total_out: "u64",
  msg: "pointer",
  state: "pointer",
  zalloc: "function",
  zfree: "function",
  opaque: "u64",
  data_type: "i32",
  adler: "u64",
  reserved: "u64",
});
type Stream = RecordOf<typeof Stream>;

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

function newStream({ zalloc, zfree }: { zalloc: FunctionPointer; zfree: FunctionPointer }): Stream {
  const stream = Stream.alloc();
  stream.zalloc = zalloc;
  stream.zfree = zfree;
  stream.opaque = 2n ** 64n - 1n; // whatever it is, zlib hands it through
  return stream;
}

function expect(what: string, result: number, wanted: number): void {
  if (result !== wanted) throw new Error(`${what} returned ${result}, not ${wanted}`);
}

/** Runs all of `input` through deflate or inflate, in chunks of output. */
function pump(step: (stream: number, flush: number) => number, stream: Stream, input: Uint8Array): Buffer {
  const source = malloc(input.length + 1);
  const chunk = malloc(CHUNK);
  put(source, input);
  stream.next_in = source;
  stream.avail_in = input.length;
  const parts: Buffer[] = [];
  let result = OK;
  while (result === OK) {
    stream.next_out = chunk;
    stream.avail_out = CHUNK;
    result = step(stream.pointer, FINISH);
    const full = CHUNK - stream.avail_out;
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
  expect("deflateInit2_", deflateInit2(stream.pointer, ...options, "1.2.11", Stream.size), OK);
  const output = pump(deflate, stream, input);
  expect("deflateEnd", deflateEnd(stream.pointer), OK);
  free(stream.pointer);
  return output;
}

function restore(input: Uint8Array): Buffer {
  const stream = newStream(allocator);
  expect("inflateInit2_", inflateInit2(stream.pointer, WINDOW_BITS, "1.2.11", Stream.size), OK);
  const output = pump(inflate, stream, input);
  expect("inflateEnd", inflateEnd(stream.pointer), OK);
  free(stream.pointer);
  return output;
}

/** Under a limit that a deflate of this size does not fit in: zlib gives back what it got, and says so. */
function refusal() {
  const small = nativeAllocator({ limit: 100_000 });
  const stream = newStream(small);
  const options = [9, DEFLATED, WINDOW_BITS, MEMORY_LEVEL, 0];
  expect("deflateInit2_", deflateInit2(stream.pointer, ...options, "1.2.11", Stream.size), MEMORY_ERROR);
  free(stream.pointer);
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
