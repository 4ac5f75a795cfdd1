/** The figures about heaps with many live blocks: beside the garbage collector's, and beside an empty one. */
import { type Comparison, compare, type Figure } from "./compare.js";
import type { Effort } from "./effort.js";
import type { RecordsResult } from "./records.js";
import { interleave, runChild } from "./spawn.js";

const RECORDS = 10_000_000;
const BLOCKS = 20_000_000;
/** Records as objects take gigabytes: one process at a time, and a few rounds. */
const ROUNDS = 3;
const NODE_ARGS = ["--expose-gc", "--max-old-space-size=16384"];
const LIMIT_MS = 300_000;

const CROWDED_TARGET = 1.5;
const CHECK_TARGET_MS = 5000;

const MEASURES: readonly { key: keyof RecordsResult; measure: string; unit: Comparison["unit"] }[] = [
  { key: "make", measure: "making one", unit: "ns" },
  { key: "replace", measure: "replacing one", unit: "ns" },
  { key: "longestPause", measure: "longest pause", unit: "ms" },
  { key: "allPauses", measure: "all pauses", unit: "ms" },
  { key: "fullCollection", measure: "a full collection", unit: "ms" },
  { key: "resident", measure: "resident memory", unit: "bytes" },
];

export function recordsFigure({ rounds, scale }: Effort): Figure {
  const records = Math.round(RECORDS * Math.min(1, scale));
  const peers = ["objects", "typed arrays", "one typed array"];
  const options = { nodeArgs: NODE_ARGS, limitMs: LIMIT_MS };
  const [ours, ...others] = interleave(["heapwright", ...peers], Math.min(rounds, ROUNDS), (contestant) =>
    runChild("records", { contestant, records }, options),
  );
  const comparisons = MEASURES.flatMap(({ key, measure, unit }) =>
    others.map((samples, index) => {
      const subject = { workload: "records of 32 bytes", measure, unit, peerName: peers[index]! };
      return compare(
        subject,
        ours!.map((one) => one[key]),
        samples.map((one) => one[key]),
      );
    }),
  );
  return {
    name: "records",
    title: `${records.toLocaleString("en-US")} live records`,
    notes: [
      "Objects have five fields, three of them doubles; typed arrays are a Float64Array(4) each, or one for all, of " +
        "which no record can be given back.",
      "A fifth as many records are replaced, and beside each an array of eight numbers becomes garbage.",
      "Pauses are V8's own entries of kind gc; resident memory is the whole process.",
    ],
    comparisons,
  };
}

export function crowdedFigure({ rounds, scale }: Effort): Figure {
  const blocks = Math.round(BLOCKS * Math.min(1, scale));
  const samples = Array.from({ length: Math.min(rounds, ROUNDS) }, () =>
    runChild("crowded", { blocks }, { limitMs: LIMIT_MS }),
  );
  const empty = { measure: "fastest pass", unit: "ns", peerName: "empty heap" } as const;
  const target = CROWDED_TARGET;
  const pick = (key: keyof (typeof samples)[number]) => samples.map((sample) => sample[key]);
  return {
    name: "crowded",
    title: `A heap with ${blocks.toLocaleString("en-US")} live blocks`,
    notes: ["Blocks of 16 to 64 bytes; both sides of a comparison come from one process."],
    comparisons: [
      compare({ ...empty, workload: "malloc(64), free", target }, pick("pairCrowded"), pick("pairEmpty")),
      compare({ ...empty, workload: "random, 16 to 64 bytes" }, pick("randomCrowded"), pick("randomEmpty")),
      compare(
        { workload: "check()", measure: "once", unit: "ms", peerName: "the most it may take", target: 1 },
        pick("check"),
        samples.map(() => CHECK_TARGET_MS),
      ),
    ],
  };
}
