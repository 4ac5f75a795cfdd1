/**
 * Four recorded programs, replayed: every byte of every block verified first, then timed beside libc's malloc.
 *
 * Verifying happens in this process. Timing takes a fresh one for each side, because libc's figures must not be taken
 * where heapwright has claimed the range that libc's heap would grow into.
 */
import { interleave, runChild } from "../../bench/spawn.js";
import { readTrace, type Trace, traceNames } from "../../bench/trace.js";
import { replayVerified } from "../../bench/verified.js";
import { check, stats, trim } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { count, line, mebibytes, paint, say, table } from "./page.js";
import { Progress } from "./progress.js";
import { same, verify } from "./proof.js";

/** V8 has compiled the seldom taken paths after some passes; only the second half is looked at. */
const PASSES = 12;
/** The sides take turns, so that a machine that is busy for a moment does not favour one of them. */
const ROUNDS = 2;
/** What of the work verifying is, and timing; the rest is the footprint. */
const SHARES = { verified: 0.3, timed: 0.6 } as const;

interface Result {
  readonly trace: Trace;
  readonly ns: number;
  readonly libcNs: number;
  readonly footprint: number;
}

export const replays: Chapter = {
  title: "Four recorded programs, replayed",
  run() {
    say(
      "Every call of malloc, calloc, realloc and free that four C programs made was recorded. Here " +
        "heapwright serves the same calls. Each block is filled with bytes of its own, and all of them are " +
        "compared before the block is freed or resized.",
    );
    const results = traceNames.map(replay);
    line();
    table(HEADINGS, results.map(cells));
    line();
    say(
      `Time is nanoseconds per call, without verifying: the fastest of ${(ROUNDS * PASSES) / 2} passes ` +
        `that came after ${PASSES / 2} to warm up. Both sides ran in processes of their own, in turns. Libc ` +
        "is called through koffi, the way a Node program reaches it, and its blocks are not written to, " +
        "which favours it. Live is what the program had asked for at its peak; footprint is the most that " +
        "heapwright held.",
    );
  },
};

function replay(name: string): Result {
  const trace = readTrace(name);
  const progress = new Progress(name.padEnd(9));
  const { verified, bytesVerified, operations } = replayVerified(trace, {
    onProgress: (done, all) =>
      progress.update((done / all) * SHARES.verified, `${count(done)} of ${count(all)} calls verified`),
  });
  same(`calls of ${name}`, operations, trace.count);
  verify(verified > 0 && bytesVerified > 0, `blocks of ${name} were compared`);
  check();
  same(`bytes in use after ${name}`, stats().allocated, 0);
  trim();
  const { ns, libcNs, footprint } = measure(trace, progress);
  const compared = `${count(verified)} blocks, ${mebibytes(bytesVerified)} compared`;
  progress.done(
    `${name.padEnd(9)}${paint.good("verified")}  ${count(operations).padStart(9)} calls, ${compared}`,
  );
  return { trace, ns, libcNs, footprint };
}

function measure(trace: Trace, progress: Progress): Omit<Result, "trace"> {
  const ask = { trace: trace.name, passes: PASSES };
  let share = SHARES.verified;
  const [ours, libc] = interleave(["heapwright", "libc"], ROUNDS, (side) => {
    progress.update(share, `timing ${side === "libc" ? "libc through koffi" : side}`);
    share += SHARES.timed / (2 * ROUNDS);
    return fastest(runChild(side === "libc" ? "libc" : "heapwright", ask));
  });
  progress.update(share, "measuring the footprint");
  const { footprint } = runChild("peak", { trace: trace.name });
  progress.update(1, "done");
  verify(footprint >= trace.peakLive, `the footprint of ${trace.name} holds its live bytes`);
  return { ns: Math.min(...ours!), libcNs: Math.min(...libc!), footprint };
}

function fastest(passes: readonly number[]): number {
  return Math.min(...passes.slice(passes.length >>> 1));
}

const HEADINGS = [
  "program",
  " calls",
  " heapwright",
  " libc",
  " libc takes",
  " live",
  " footprint",
  " over live",
];

function cells({ trace, ns, libcNs, footprint }: Result): string[] {
  return [
    trace.name,
    count(trace.count),
    `${ns.toFixed(1)} ns`,
    `${libcNs.toFixed(1)} ns`,
    `${(libcNs / ns).toFixed(2)} ×`,
    mebibytes(trace.peakLive),
    mebibytes(footprint),
    `${((footprint / trace.peakLive - 1) * 100).toFixed(1)} %`,
  ];
}
