/**
 * The figures of threads: what a second one adds, and what it costs to free a block in another thread than its own.
 */
import { compare, type Figure } from "./compare.js";
import type { Effort } from "./effort.js";
import { interleave, runChild } from "./spawn.js";
import { BLOCK_BYTES, type Job, RING, type ThreadsResult } from "./threads.js";

/** Operations of one thread in a repetition, per millisecond that the effort allows. */
const PER_MILLISECOND = { pair: 40_000, slots: 10_000, remote: 4000 } as const;
const REPETITIONS = 8;
/** Two threads do 1.9 times what one does, so the time of one operation is this part of it. */
const SCALING_TARGET = 1 / 1.9;
const REMOTE_NS = 60;
/** Of what is on its way: as much again for caches and chains. */
const FOOTPRINT_TARGET = 2;

function runThreads(jobs: readonly Job[], perMillisecond: number, effort: Effort): ThreadsResult {
  const operations = Math.ceil(perMillisecond * effort.milliseconds);
  return runChild("threads", { jobs, operations, repetitions: REPETITIONS });
}

/** Two threads that have nothing to do with each other. */
export function scalingFigure(effort: Effort): Figure {
  const rows = (["pair", "slots"] as const).map((job) => {
    const crews: Record<string, Job[]> = { one: [job], two: [job, job] };
    const [one, two] = interleave(Object.keys(crews), effort.rounds, (name) =>
      runThreads(crews[name]!, PER_MILLISECOND[job], effort),
    ).map((results, index) => results.map(({ ns }) => ns / (index + 1)));
    const workload = job === "pair" ? `malloc(${BLOCK_BYTES}), free` : "a slot of 4,096 replaced";
    return compare(
      { workload, measure: "two workers", unit: "ns", peerName: "one worker", target: SCALING_TARGET },
      two!,
      one!,
    );
  });
  return {
    name: "scaling",
    title: "Two workers, each with its own blocks",
    notes: [
      "Time per operation of both together; from the common start until the last has ended.",
      "Slots hold 16 to 527 bytes; a random one is freed and allocated anew with another size.",
    ],
    comparisons: rows,
  };
}

/** A block allocated in one thread and freed in another. */
export function remoteFigure(effort: Effort): Figure {
  const crews: Record<string, Job[]> = {
    blocks: ["produce", "consume"],
    handoff: ["hand over", "take over"],
  };
  const [blocks, handoff] = interleave(Object.keys(crews), effort.rounds, (name) =>
    runThreads(crews[name]!, PER_MILLISECOND.remote, effort),
  );
  const workload = `${BLOCK_BYTES} bytes to another thread`;
  const subject = { workload, measure: "per block", unit: "ns" } as const;
  const ns = blocks!.map((result) => result.ns);
  const footprints = blocks!.map((result) => result.footprint);
  return {
    name: "remote",
    title: "Allocated in one thread, freed in another",
    notes: [
      "All that happens to a block: allocated, stamped, handed over through a ring in a SharedArrayBuffer, " +
        "verified, freed, taken back by its owner. The peer `handed over only` uses the same blocks again and again.",
      `Footprint stands against the blocks that can be on their way, ${RING} with their headers.`,
    ],
    comparisons: [
      compare(
        { ...subject, peerName: "allowed", target: 1 },
        ns,
        ns.map(() => REMOTE_NS),
      ),
      compare(
        { ...subject, peerName: "handed over only" },
        ns,
        handoff!.map((result) => result.ns),
      ),
      compare(
        { workload, measure: "footprint", unit: "bytes", peerName: "on their way", target: FOOTPRINT_TARGET },
        footprints,
        footprints.map(() => RING * (BLOCK_BYTES + 16)),
      ),
    ],
  };
}
