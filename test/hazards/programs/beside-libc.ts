/**
 * Program: our heap grows and shrinks while libc's malloc is churned by this thread and by a worker, which is at it
 * already when the library is loaded.
 *
 *   beside-libc.ts WAVES
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { testSeed } from "../../support/seed.js";
import { Churn } from "./churn.js";
import { tell } from "./proc.js";
import { type Library, Workload } from "./workload.js";

const waves = Number(process.argv[2]);
const PEAK = 150e6;
const STEPS_BETWEEN = 40;
const CHURN_BETWEEN = 15;

const seed = testSeed("beside libc");
const stop = new Int32Array(new SharedArrayBuffer(8));
const worker = new Worker(new URL("./boot.mjs", import.meta.url), {
  workerData: {
    module: new URL("./churn.ts", import.meta.url).href,
    run: "churnUntil",
    args: [seed + 1, stop],
  },
});
const done = once(worker, "message");
worker.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
while (Atomics.load(stop, 1) === 0) await new Promise((resolve) => setImmediate(resolve));

const mine = new Churn(seed);
mine.run(2000);
const lib: Library = await import("../../../src/index.js");
const peaks: number[] = [];
for (let wave = 0; wave < waves; wave++) peaks.push(wavePeak(wave));
Atomics.store(stop, 0, 1);
const [workerRounds] = await done;
mine.finish();
tell({ peaks, mine: mine.rounds, worker: workerRounds, stats: lib.stats() });

/** Fills the heap up to the peak, then empties it; returns the footprint at the top. */
function wavePeak(wave: number): number {
  let step = 0;
  const workload = new Workload(lib, {
    seed: seed + wave,
    steps: Number.POSITIVE_INFINITY,
    liveBytes: Number.POSITIVE_INFINITY,
    largest: 140_000,
    afterStep: () => {
      if (++step % STEPS_BETWEEN === 0) mine.run(CHURN_BETWEEN);
    },
  });
  workload.runUntil(() => workload.verifier.usableBytes >= PEAK);
  const { footprint } = lib.stats();
  workload.freeAll();
  return footprint;
}
