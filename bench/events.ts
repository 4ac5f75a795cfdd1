/**
 * The contests: the workloads on the JavaScript side, and the workloads and recorded programs beside native allocators.
 * Says who takes part, with which settings, for how long.
 */
import { allocatorNames, OURS } from "./allocators/registry.js";
import { fastest, median } from "./compare.js";
import { type Contest, type Contestant, type Event, type Group, hold, type Row } from "./contest.js";
import type { Effort } from "./effort.js";
import { type Goal, RECORDED } from "./goal.js";
import type { WorkloadResult } from "./measure.js";
import { GLIBC, type NativeAllocator, nativeAllocators } from "./native/allocators.js";
import { buildNative, runNative, runNativeWorkload } from "./native/build.js";
import type { Node } from "./options.js";
import { runChild } from "./spawn.js";
import { readTrace, type Trace, traceNames } from "./trace.js";
import { isSingleWorkload, twinned, workloads } from "./workloads/index.js";
import { FIXED_THRESHOLD, type Workload } from "./workloads/workload.js";

interface Entrant extends Contestant {
  /** In JavaScript: the allocator, and the node that runs it. */
  readonly script?: { readonly allocator: string; readonly node: Node };
  readonly native?: NativeAllocator;
}

const LIBC = "libc through koffi";

const TRACE_GOAL: Goal = {
  times: { [GLIBC]: RECORDED.times.worst },
  peaks: { [GLIBC]: RECORDED.peaks.worst },
};
/** A recorded program twice: with the settings that nobody changed, and with the threshold for mappings fixed. */
const AS_IT_IS = "";
const FIXED = "-fixed";
const VARIANTS: readonly string[] = [AS_IT_IS, FIXED];
const RECORDINGS = "recorded";
const GROUPS: readonly Group[] = [
  { name: "tuned loops", rows: twinned.map(({ name }) => name) },
  ...VARIANTS.map((variant) => ({
    name: RECORDINGS + variant,
    rows: traceNames.map((name) => name + variant),
    ...(variant === AS_IT_IS && {
      goal: { times: { [GLIBC]: RECORDED.times.mean }, peaks: { [GLIBC]: RECORDED.peaks.mean } },
    }),
  })),
];

/** What crosses threads must be a number that means the same in all of them. */
const CREW_ALLOCATORS = [OURS, LIBC];

/** `only` the workloads of these names, or all when there are none. */
function scriptContest(effort: Effort, nodes: readonly Node[], only: readonly string[]): Contest {
  const entrants = [...ours(nodes), ...allocatorNames.slice(1).map((name) => entrant(name, nodes[0]!))];
  return {
    name: "workloads",
    title: "Tuned loops, beside what a Node program has otherwise",
    notes: [
      "An operation is a block allocated and freed, or resized. A tinybench iteration is a pass of some ten thousand.",
      "Blocks of libc, koffi and new ArrayBuffer are not touched where others' are: JavaScript has no cheap store to them.",
      "too slow: one process did not finish its passes in time.",
    ],
    columns: entrants.map(({ name }) => name),
    rows: holdAll(
      chosen(workloads, only).map((workload) => workloadEvent(workload, effort, null)),
      entrants,
      effort.rounds,
    ),
  };
}

/** Workloads of which single calls are timed: small blocks of many sizes, and mapped ones. */
const TIMED_BY_CALL = ["random", "alloc-test", "sh6bench", "large"];
const CALLS = ["malloc", "free"] as const;

/** The contests of the workloads of these names, or all when there are none. */
export function contestsOf(only: readonly string[]): readonly (typeof scriptContest)[] {
  const byCall = only.length === 0 || only.some((name) => TIMED_BY_CALL.includes(name));
  return byCall ? [scriptContest, latencyContest] : [scriptContest];
}

/** The 99th percentile of single calls. */
function latencyContest(effort: Effort, nodes: readonly Node[], only: readonly string[]): Contest {
  const entrants = [...ours(nodes), entrant(LIBC, nodes[0]!)];
  const clocks: number[] = [];
  const events = chosen(workloads, only)
    .filter(({ name }) => TIMED_BY_CALL.includes(name))
    .flatMap((workload) => CALLS.map((call) => latencyEvent(workload, call, effort, clocks)));
  const rows = holdAll(events, entrants, effort.rounds);
  return {
    name: "latency",
    title: "The 99th percentile of single calls within the workloads",
    notes: [
      `The clock is read before and after each call, which is part of each figure: the 99th percentile of that alone is ` +
        `${Math.round(median(clocks))} ns. V8 inlines nothing here that it inlines into a loop without a clock.`,
    ],
    columns: entrants.map(({ name }) => name),
    rows,
  };
}

/** Throws an Error that says why when there is no C compiler. */
export function nativeContest(effort: Effort, nodes: readonly Node[], only: readonly string[]): Contest {
  const [bench, replay] = [buildNative("bench"), buildNative("replay")];
  if (bench.program === null) throw new Error(bench.reason);
  if (replay.program === null) throw new Error(replay.reason);
  const entrants = [...ours(nodes), ...nativeAllocators().map((native) => ({ name: native.name, native }))];
  const traces = traceNames.filter((name) => only.length === 0 || only.includes(name));
  return {
    name: "native",
    title: "Tuned loops and recorded programs, beside native allocators called from C",
    notes: [
      "Peak memory is the growth of what is resident up to the end of the first pass; for heapwright " +
        "stats().peakFootprint, for its process grows by what V8 compiles as well.",
      "Ratios of memory are left out below 0.5 MiB, where a process's first pages are all there is; an allocator that " +
        "lays its blocks into huge pages shows no growth there either.",
      "Of a recorded program, replayed by a plain loop, the fastest pass counts; of a tuned loop the median one.",
      'In the rows "-fixed" heapwright and glibc map whatever is larger than 128 KiB; in the others glibc raises that ' +
        "threshold while a program runs, and heapwright has its default.",
    ],
    columns: entrants.map(({ name }) => name),
    rows: holdAll(
      [
        ...chosen(twinned, only).map((workload) => workloadEvent(workload, effort, bench.program)),
        ...traces
          .map(readTrace)
          .flatMap((trace) => VARIANTS.map((variant) => traceEvent(trace, variant, effort, replay.program))),
      ],
      entrants,
      effort.rounds,
    ),
    groups: GROUPS,
  };
}

/** One event after the other. It takes minutes: a terminal is told how far it is. */
function holdAll(events: readonly Event<Entrant>[], entrants: readonly Entrant[], rounds: number): Row[] {
  const tell = (text: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  const rows = events.map((event, index) => {
    tell(`${index + 1} of ${events.length}: ${event.name}`);
    return hold(event, entrants, rounds);
  });
  tell("");
  return rows;
}

/** Heapwright once for each node, this one's first. */
function ours(nodes: readonly Node[]): Entrant[] {
  return nodes.map((node, index) => ({
    ...entrant(OURS, node),
    name: index === 0 ? OURS : `Node ${node.version}`,
  }));
}

function entrant(allocator: string, node: Node): Entrant {
  return { name: allocator, script: { allocator, node } };
}

function chosen(from: readonly Workload[], only: readonly string[]): readonly Workload[] {
  return from.filter(({ name }) => only.length === 0 || only.includes(name));
}

function workloadEvent(workload: Workload, effort: Effort, program: string | null): Event<Entrant> {
  const { name, what, goal } = workload;
  return {
    name,
    what,
    goal,
    admits: ({ script }) =>
      script === undefined || isSingleWorkload(workload) || CREW_ALLOCATORS.includes(script.allocator),
    sample({ script, native }): WorkloadResult {
      const { scale, milliseconds, warmupMilliseconds } = effort;
      const ask = { workload: name, scale, milliseconds, warmupMilliseconds };
      if (native !== undefined) {
        const env = native.name === GLIBC ? workload.glibc : {};
        return runNativeWorkload(program!, ask, { preload: native.preload, env, limitMs: effort.limitMs });
      }
      const { allocator, node } = script!;
      const env = { [OURS]: workload.heapwright, [LIBC]: workload.glibc }[allocator] ?? {};
      return runChild("workload", { allocator, ...ask }, { node: node.path, env, limitMs: effort.limitMs });
    },
  };
}

/** The clock's own figure is put in with the others. */
function latencyEvent(
  workload: Workload,
  call: (typeof CALLS)[number],
  { scale, milliseconds, warmupMilliseconds, limitMs }: Effort,
  clocks: number[],
): Event<Entrant> {
  const { name, what } = workload;
  return {
    name: `${name} ${call}`,
    what,
    admits: () => true,
    sample({ script }): WorkloadResult {
      const { allocator, node } = script!;
      const env = (allocator === OURS ? workload.heapwright : workload.glibc) ?? {};
      const ask = { workload: name, allocator, scale, milliseconds, warmupMilliseconds };
      const { [call]: ns, clock } = runChild("latency", ask, { node: node.path, env, limitMs });
      clocks.push(clock);
      return { first: ns, median: ns, resident: null, footprint: null };
    },
  };
}

function traceEvent(trace: Trace, variant: string, { passes }: Effort, program: string): Event<Entrant> {
  const { name } = trace;
  const calls = `${trace.count.toLocaleString("en-US")} calls of ${name}, recorded`;
  const settings = variant === FIXED ? FIXED_THRESHOLD : {};
  const footprints = new Map<Node, number>();
  return {
    name: name + variant,
    what: variant === FIXED ? "the same with the threshold for mappings fixed at 128 KiB" : calls,
    ...(variant === AS_IT_IS && { goal: TRACE_GOAL }),
    admits: () => true,
    sample({ script, native }): WorkloadResult {
      if (native !== undefined) {
        const env = native.name === GLIBC ? settings.glibc : {};
        const { ns, peakResidentGrowth } = runNative(program, trace, passes, {
          preload: native.preload,
          env,
        });
        return { first: ns[0]!, median: fastest(ns), resident: peakResidentGrowth, footprint: null };
      }
      const options = { node: script!.node.path, env: settings.heapwright ?? {} };
      const ns = runChild("heapwright", { trace: name, passes }, options);
      // The same blocks in the same order: once for each node is enough.
      const footprint = footprints.get(script!.node) ?? runChild("peak", { trace: name }, options).footprint;
      footprints.set(script!.node, footprint);
      return { first: ns[0]!, median: fastest(ns), resident: footprint, footprint };
    },
  };
}
