/**
 * The figures of small loops: which children run, against whom, in which order, and what is promised of the
 * result. Every sample comes from a fresh process; heapwright and its peers take turns within a round, and a
 * ratio is taken within its round, so that a change of the machine's speed hits both sides of it.
 */
import { type Comparison, compare, type Figure } from "./compare.js";
import type { Effort } from "./effort.js";
import type { PairResult } from "./pair.js";
import { interleave, runChild } from "./spawn.js";

/** A sixth of libc's price through koffi. */
const PAIR_TARGET = 1 / 6;
/** Of a realloc that changes no page. A system call takes several times as long. */
const REALLOC_TARGET_NS = 100;
const ARENA_TARGET_NS = 4;
/** Less than what two identical runs differ by on an ordinary machine. */
const TRACE_OFF_TARGET = 1.05;

const PAIR_PEERS = ["libc through koffi", "koffi.alloc", "Buffer.allocUnsafeSlow", "new Uint8Array"];

/** malloc(64) and free against what a Node program has otherwise. */
export function pairFigure(effort: Effort): Figure {
  const inUse = ["heapwright, in use", "libc through koffi, in use"];
  const names = ["heapwright", ...PAIR_PEERS, "realloc, mapped", ...inUse];
  const samples = interleave(names, effort.rounds, (name) => runChild("pair", { name, ...effort }));
  const [ours, libc, ...others] = samples.map((results) => results.map(medianOf));
  const [reallocs, oursInUse, libcInUse] = others.splice(-3);
  const subject = { measure: "median", unit: "ns", peerName: PAIR_PEERS[0]! } as const;
  const fresh = { ...subject, workload: "malloc(64), free" };
  const target = PAIR_TARGET;
  return {
    name: "pair",
    title: "One block of 64 bytes, allocated and given back",
    notes: [
      "A tinybench iteration is a loop of 10,000 pairs, divided afterwards: its own cost per iteration " +
        "would swamp one pair. No contestant touches the block.",
      "In use: 1,000 blocks were held and freed 20 times before, so V8 has seen the slow paths as well.",
      "realloc: a block of 1 MB with a mapping of its own, whose size changes by 64 bytes.",
      "V8 collects Buffers and arrays when it likes; only the mean contains collections.",
    ],
    comparisons: [
      compare({ ...fresh, target }, ours!, libc!),
      ...others.map((peer, index) => compare({ ...fresh, peerName: PAIR_PEERS[index + 1]! }, ours!, peer)),
      ...meanRows(samples),
      compare({ ...subject, workload: "the same, in use", target }, oursInUse!, libcInUse!),
      compare(
        {
          ...subject,
          workload: "realloc, same pages",
          peerName: `at most ${REALLOC_TARGET_NS} ns`,
          target: 1,
        },
        reallocs!,
        reallocs!.map(() => REALLOC_TARGET_NS),
      ),
    ],
  };
}

/** Bump allocation against a fixed price, and beside malloc and free; and what a scope adds to these. */
export function arenaFigure(effort: Effort): Figure {
  const names = ["arena", "arena, in use", "heapwright, in use", "scope", "libc through koffi"];
  const [arena, arenaInUse, pair, scope, libc] = interleave(names, effort.rounds, (name) =>
    runChild("pair", { name, ...effort }),
  ).map((results) => results.map(medianOf));
  const price = arena!.map(() => ARENA_TARGET_NS);
  const bump = { workload: "arena.malloc(64)", measure: "median", unit: "ns" } as const;
  const inUse = { ...bump, workload: "the same, in use" };
  const scoped = { ...bump, workload: "scope.malloc(64)" };
  const asked = { peerName: `at most ${ARENA_TARGET_NS} ns`, target: 1 };
  return {
    name: "arena",
    title: "Blocks of 64 bytes that end together",
    notes: [
      "Arena: 10,000 blocks and one reset, divided by 10,000. No block is touched; each address is stored.",
      "In use: blocks of 0 to 1 KB and a few of up to 19 KB, with chunks of their own, were taken before. " +
        "An arena of mostly large blocks is slower (up to 5 ns here): V8 then inlines the slow path instead.",
      "Scope: 100 blocks and one dispose, divided by 100, beside malloc and free of each block by hand.",
    ],
    comparisons: [
      compare({ ...bump, ...asked }, arena!, price),
      compare({ ...bump, peerName: "malloc, free" }, arena!, pair!),
      compare({ ...inUse, ...asked }, arenaInUse!, price),
      compare({ ...inUse, peerName: "malloc, free" }, arenaInUse!, pair!),
      compare({ ...scoped, peerName: "malloc, free" }, scope!, pair!),
      compare({ ...scoped, peerName: "libc through koffi" }, scope!, libc!),
    ],
  };
}

function meanRows(samples: readonly PairResult[][]): Comparison[] {
  const [ours, ...peers] = samples.map((results) => results.map((result) => result.mean));
  return PAIR_PEERS.map((peerName, index) => {
    const subject = { workload: "malloc(64), free", measure: "mean", unit: "ns", peerName } as const;
    return compare(subject, ours!, peers[index]!);
  });
}

const medianOf = (result: PairResult) => result.median;

/** A workload of heapwright's, that of its peers, and the peers. */
const ACCESSES = [
  ["read", "read", ["DataView", "Float64Array"]],
  ["write", "write", ["DataView", "Float64Array"]],
  ["field", "field", ["read.f64", "DataView", "Float64Array"]],
  ["set field", "set field", ["write.f64", "DataView"]],
  ["nested field", "field", ["read.f64", "DataView"]],
  ["read, large block", "read", ["DataView"]],
  ["walk, at(i)", "read", ["DataView", "Float64Array"]],
  ["walk, for of", "read", ["DataView", "Float64Array"]],
  ["walk, cursor", "read", ["DataView", "Float64Array"]],
  ["walk, large block", "read", ["DataView"]],
] as const;

/** Reading and writing memory, beside a plain view over memory of V8's own. */
export function accessFigure(effort: Effort): Figure {
  const names = ACCESSES.flatMap(([ours, theirs, peers]) => [
    `${ours}: heapwright`,
    ...peers.map((peer) => `${theirs}: ${peer}`),
  ]);
  const distinct = [...new Set(names)];
  const samples = interleave(distinct, effort.rounds, (name) => runChild("access", { name, ...effort }));
  const of = (name: string) => samples[distinct.indexOf(name)]!;
  const comparisons = ACCESSES.flatMap(([workload, theirs, peers]) =>
    peers.map((peerName) =>
      compare(
        { workload, measure: "per access", unit: "ns", peerName },
        of(`${workload}: heapwright`),
        of(`${theirs}: ${peerName}`),
      ),
    ),
  );
  return {
    name: "access",
    title: "One double of a 24-byte record",
    notes: [
      "A tinybench iteration is a loop over 5,000 records, divided afterwards; a field is that of one record.",
      "A large block has a mapping of its own: from Node 22 on it is not reached through the first 2 GiB.",
      "The peers' memory is an ArrayBuffer of V8's own, and they check against its end alone.",
      "Eight other structs were in use before, so V8 has seen accessors of more than one.",
    ],
    comparisons,
  };
}

/** That tracing which is switched off costs nothing; and what it costs while it is on. */
export function traceOffFigure(effort: Effort): Figure {
  const names = ["heapwright, in use", "heapwright, tracing was on", "heapwright, tracing is on"];
  // The difference looked for is smaller than what separates two runs of the same program: more rounds.
  const [plain, was, is] = interleave(names, 2 * effort.rounds, (name) =>
    runChild("pair", { name, ...effort }),
  ).map((results) => results.map(medianOf));
  const subject = { measure: "median", unit: "ns", peerName: "tracing never on" } as const;
  return {
    name: "trace-off",
    title: "What tracing costs when it is off",
    notes: ["The loop of the figure `pair`, in use. A tracer that does nothing saw 1,000 pairs before."],
    comparisons: [
      compare({ ...subject, workload: "switched on, then off", target: TRACE_OFF_TARGET }, was!, plain!),
      compare({ ...subject, workload: "left on, for contrast" }, is!, plain!),
    ],
  };
}
