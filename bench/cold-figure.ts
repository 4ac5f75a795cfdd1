/** First calls: what a program sees that does not run long enough for V8 to compile much. */
import type { ColdResult } from "./cold.js";
import { type Comparison, compare, type Figure, geometricMeans } from "./compare.js";
import { compiledLibrary } from "./compile.js";
import type { Effort } from "./effort.js";
import type { Node } from "./options.js";
import { ROOT } from "./root.js";
import { interleave, runChild } from "./spawn.js";
import { readTrace, type Trace, traceNames, unpack } from "./trace.js";

const OURS = "heapwright";
/** The thing to beat: what a Node program has for nothing. */
const LIBC = "libc through koffi";
const PEERS = [LIBC, "new Uint8Array", "koffi.alloc"];

/** Operations after which the clock is read. */
const MARKS = [1_000, 10_000, 100_000, Number.POSITIVE_INFINITY];
const LOAD_TARGET = 2;
const WORKER_TARGET_MS = 8;
const NODE_20_TARGET = 1.1;
const LATER_TARGET = 1;

/** What one trace came to, by contestant (heapwright first) and round. */
interface Passes {
  readonly program: string;
  readonly samples: readonly (readonly ColdResult[])[];
}

/** `only` these traces, or all when there are none. */
export function coldFigure(effort: Effort, node: Node, only: readonly string[]): Figure {
  const chosen = traceNames.filter((name) => only.length === 0 || only.includes(name));
  const passes = chosen.map((name) => samplePasses(readTrace(name), effort, node));
  return {
    name: "cold",
    title: `First calls in a fresh process, Node ${node.version}`,
    notes: [
      "Each sample is a process of its own: it loads the contestant, and replays a recorded program once. Milliseconds " +
        "from the first operation (malloc, calloc, realloc, free) until so many were done.",
      "No block is touched: JavaScript has no cheap store to an address that koffi returned.",
      "A block of koffi.alloc is kept with its length, for a resize is a new block and a copy; V8 frees those of " +
        "new Uint8Array when it likes. Neither has alignment.",
      "Load: from the first line until C's functions can be called; koffi by require. In a worker: from new Worker until it " +
        "has allocated and freed a block, or loaded libc by koffi alone; the main thread has loaded the same before.",
      "All programs: the geometric mean of each round.",
    ],
    comparisons: [
      ...loadRows(passes),
      ...workerRows(effort, node),
      ...(passes.length > 1 ? markRows("all programs", passes, targetOf(node)) : []),
      ...passes.flatMap((one) => markRows(one.program, [one])),
    ],
  };
}

function samplePasses(trace: Trace, { rounds }: Effort, { path }: Node): Passes {
  const file = unpack(trace);
  const marks = MARKS.map((mark) => Math.min(mark, trace.count));
  const samples = interleave([OURS, ...PEERS], rounds, (contestant) =>
    runChild("cold", { contestant, trace: trace.name, file, marks }, { node: path }),
  );
  return { program: trace.name, samples };
}

/** What a round of each trace comes to for one contestant, by `pick`: the geometric mean, round by round. */
function meansOf(
  passes: readonly Passes[],
  contestant: number,
  pick: (result: ColdResult) => number,
): number[] {
  return geometricMeans(passes.map(({ samples }) => samples[contestant]!.map(pick)));
}

function loadRows(passes: readonly Passes[]): Comparison[] {
  const load = (contestant: number) => meansOf(passes, contestant, (result) => result.load);
  const subject = { workload: "load", measure: "main thread", unit: "ms", peerName: LIBC } as const;
  return [compare({ ...subject, target: LOAD_TARGET }, load(0), load(1))];
}

function workerRows({ rounds, milliseconds }: Effort, { path }: Node): Comparison[] {
  const programs: Record<string, string> = {
    [OURS]: `import { free, malloc } from ${JSON.stringify(compiledLibrary().href)}; free(malloc(16))`,
    koffi:
      'import { createRequire } from "node:module"; ' +
      `createRequire(${JSON.stringify(`${ROOT}/package.json`)})("koffi").load(null)`,
  };
  const starts = Math.ceil(milliseconds / 12);
  const [ours, koffi] = interleave(Object.keys(programs), rounds, (name) =>
    runChild("start", { program: programs[name]!, starts }, { node: path }),
  );
  const added = ours!.map((ms, round) => ms - koffi![round]!);
  const subject = { workload: "load in a worker", unit: "ms" } as const;
  return [
    compare({ ...subject, measure: "in all", peerName: "koffi alone" }, ours!, koffi!),
    compare(
      { ...subject, measure: "over koffi alone", peerName: "allowed", target: 1 },
      added,
      added.map(() => WORKER_TARGET_MS),
    ),
  ];
}

/** `target`: of the whole pass beside libc. */
function markRows(workload: string, passes: readonly Passes[], target?: number): Comparison[] {
  return MARKS.flatMap((mark, index) => {
    const whole = !Number.isFinite(mark);
    const measure = whole ? "first pass" : `first ${mark.toLocaleString("en-US")}`;
    const passed = (contestant: number) => meansOf(passes, contestant, (result) => result.passed[index]!);
    return PEERS.map((peerName, peer) => {
      const promised = whole && peerName === LIBC && target !== undefined ? { target } : {};
      return compare({ workload, measure, unit: "ms", peerName, ...promised }, passed(0), passed(peer + 1));
    });
  });
}

function targetOf({ version }: Node): number {
  return version.startsWith("20.") ? NODE_20_TARGET : LATER_TARGET;
}
