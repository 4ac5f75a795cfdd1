/** The figure of the containers: beside JavaScript's own, beside typed arrays over shared memory, and beside messages. */
import { type Comparison, compare, type Figure } from "./compare.js";
import type { Effort } from "./effort.js";
import type { Way } from "./handing-over.js";
import { interleave, runChild } from "./spawn.js";

/** A workload of heapwright's, that of its peers, and the peers. */
const LOOPS = [
  ["push", "push", ["Array"]],
  ["read", "read", ["Array", "SharedArrayBuffer"]],
  ["read, by typed()", "read", ["Array", "SharedArrayBuffer"]],
  ["set new", "set new", ["Map", "SharedArrayBuffer"]],
  ["set again", "set again", ["Map", "SharedArrayBuffer"]],
  ["get, writer", "get", ["Map", "SharedArrayBuffer"]],
  ["get, reader", "get", ["Map", "SharedArrayBuffer"]],
  ["get, in read()", "get", ["Map", "SharedArrayBuffer"]],
  ["set text", "set text", ["Map"]],
  ["get text", "get text", ["Map"]],
  ["intern", "get text", ["Map"]],
] as const;

const WAYS: readonly Way[] = ["heapwright", "postMessage", "SharedArrayBuffer"];
const RECORD_BYTES = [16, 1024] as const;
const RECORDS_PER_MILLISECOND = 100;
const REPETITIONS = 6;

export function containersFigure(effort: Effort): Figure {
  return {
    name: "containers",
    title: "Containers",
    notes: [
      "Loops over 20,000 elements: a vector of doubles, maps of numbers or texts to doubles, a string table.",
      "By a SharedArrayBuffer: numbers alone, in arrays that do not grow; a ring of one writer and one reader.",
      "Writer: the thread that writes the map; reader: any other, which pins for each get(), or once for all in read().",
      "Records go from a worker to the main thread; both sleep when they wait. Messages wait in a list without a limit.",
    ],
    comparisons: [...loopRows(effort), ...RECORD_BYTES.flatMap((bytes) => recordRows(bytes, effort))],
  };
}

function loopRows(effort: Effort): Comparison[] {
  const names = LOOPS.flatMap(([ours, theirs, peers]) => [
    `${ours}: heapwright`,
    ...peers.map((peer) => `${theirs}: ${peer}`),
  ]);
  const distinct = [...new Set(names)];
  const samples = interleave(distinct, effort.rounds, (name) => runChild("container", { name, ...effort }));
  const of = (name: string) => samples[distinct.indexOf(name)]!;
  return LOOPS.flatMap(([workload, theirs, peers]) =>
    peers.map((peerName) =>
      compare(
        { workload, measure: "per element", unit: "ns", peerName },
        of(`${workload}: heapwright`),
        of(`${theirs}: ${peerName}`),
      ),
    ),
  );
}

function recordRows(bytes: number, { rounds, milliseconds }: Effort): Comparison[] {
  const ask = { records: RECORDS_PER_MILLISECOND * milliseconds, bytes, repetitions: REPETITIONS };
  const [ours, ...peers] = interleave(WAYS, rounds, (way) =>
    runChild("handing over", { ...ask, way: way as Way }),
  );
  const subject = {
    workload: `${bytes} bytes to another thread`,
    measure: "per record",
    unit: "ns",
  } as const;
  return peers.map((samples, index) => compare({ ...subject, peerName: WAYS[index + 1]! }, ours!, samples));
}
