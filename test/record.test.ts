/**
 * Recording: a program whose calls are known is recorded, and the trace replays with every block verified.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildNative, buildRecorder } from "../bench/native/build.js";
import { recordProgram } from "../bench/native/recorder.js";
import { traceFrom } from "../bench/recording.js";
import { OP, parseTrace } from "../bench/trace.js";
import { replayVerified } from "../bench/verified.js";
import { check, stats } from "../src/index.js";

const MALLOC = 1n;
const REALLOC = 3n;
const FREE = 4n;
const ALIGNED = 5n;

/** A recording of the given events: what, given, returned, bytes. */
function recording(...events: bigint[][]): Uint8Array {
  return new Uint8Array(BigUint64Array.from([BigInt(events.length), 0n, 0n, 0n, ...events.flat()]).buffer);
}

test("addresses become ids, and an id is used again after its block was freed", () => {
  const trace = parseTrace(
    "made up",
    traceFrom(
      recording(
        [MALLOC, 0n, 0x1000n, 8n],
        [MALLOC, 0n, 0x2000n, 16n],
        [FREE, 0x1000n, 0n, 0n],
        [REALLOC, 0x2000n, 0x1000n, 32n],
        [MALLOC, 0n, 0x2000n, 64n],
        [ALIGNED | (6n << 8n), 0n, 0x3000n, 128n],
        [FREE, 0x1000n, 0n, 0n],
      ),
    ),
  );
  assert.equal([...trace.op], [OP.malloc, OP.malloc, OP.free, OP.realloc, OP.malloc, OP.aligned, OP.free]);
  assert.equal([...trace.id], [0, 1, 0, 1, 0, 2, 1]);
  assert.equal([...trace.size], [8, 16, 0, 32, 64, 128, 0]);
  assert.is(trace.log2align[5], 6);
});

test("blocks from before the recording are left out, or begin when they are resized", () => {
  const events = recording(
    [FREE, 0x5000n, 0n, 0n],
    [REALLOC, 0x6000n, 0x6000n, 48n],
    [FREE, 0x6000n, 0n, 0n],
  );
  const trace = parseTrace("made up", traceFrom(events));
  assert.equal([...trace.op], [OP.malloc, OP.free]);
});

test("a block too large for a trace is refused", () => {
  assert.throws(
    () => traceFrom(recording([MALLOC, 0n, 0x1000n, 2n ** 32n])),
    /4294967296 bytes does not fit/,
  );
});

test("a trace whose columns hold what no trace has is refused", () => {
  const damaged = (word: number, value: number) => {
    const trace = traceFrom(recording([MALLOC, 0n, 0x1000n, 8n], [FREE, 0x1000n, 0n, 0n]));
    new DataView(trace.buffer).setUint32(12 + 4 * word, value, true); // behind the header and two short columns
    return () => parseTrace("damaged", trace);
  };
  assert.not.throws(damaged(0, 0));
  assert.throws(damaged(0, 2 ** 31), /"damaged" is damaged: the id 2147483648 in a file of 2 records/);
  assert.throws(damaged(1, 2), /the id 2 in a file of 2 records/);
});

const builds = [buildNative("bench"), buildRecorder()];
const reason = builds.find(({ program }) => program === null);
if (reason !== undefined) console.log(reason);
/** A test of a program in C, where there is a compiler. */
const testNative = reason === undefined ? test : test.skip;
const bench = builds[0]!.program!;

testNative("what a C program does is recorded call by call, and replays", () => {
  // 20 appends to each of two texts, in 1 + 3 + 3 passes.
  const trace = parseTrace("string", recordProgram(bench, ["string", "0.01", "0", "0"], "ignore"));
  const calls = (kind: number) => trace.op.filter((op) => op === kind).length;
  assert.is(calls(OP.realloc), 7 * 2 * 20);
  assert.ok(calls(OP.malloc) >= 7 * 2);
  const { operations, verified } = replayVerified(trace);
  assert.is(operations, trace.count);
  assert.ok(verified >= 7 * 2 * 21);
  check();
  assert.is(stats().allocated, 0);
});

testNative("a program of several threads is recorded in an order that can be replayed", () => {
  const trace = parseTrace("larson", recordProgram(bench, ["larson", "0.05", "0", "0"], "ignore"));
  assert.ok(trace.count > 10_000);
  replayVerified(trace);
  check();
});

test.run();
