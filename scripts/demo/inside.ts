/**
 * The tools of heapwright/debug that tell who allocates what, and where it lies: leaks, profile, heapMap.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HeapSnapshot, ProfileData } from "../../src/debug/index.js";
import { free, malloc, type Pointer, stats, trim } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { code, count, line, paint, say, table } from "./page.js";
import { Program } from "./program.js";
import { same, verify } from "./proof.js";

/** Loaded by the chapter, and not before: while it is loaded the tools begin what the environment asks for. */
type Tools = typeof import("../../src/debug/index.js");

/** Bytes from sample to sample. Some hundred samples a function: an estimate is off by 2 % as a rule. */
const EVERY = 4096;
/** Seven times that. */
const MOST_OFF = 0.15;

export const inside: Chapter = {
  title: "Who allocates what, and where it lies",
  async run() {
    say(
      "heapwright/debug has tools that look into the heap. They cost nothing while they are off. The first finds " +
        "leaks. This program frees the record of each request, but for every tenth:",
    );
    await findLeak();
    const tools = await import("../../src/debug/index.js");
    const held: Pointer[] = [];
    try {
      sample(tools, held);
      drawMap(tools);
    } finally {
      held.forEach(free);
    }
  },
};

async function findLeak(): Promise<void> {
  const program = new Program("leaky.mjs");
  const { status, stderr } = await program.run("HEAPWRIGHT_LEAKS", "1");
  same("the exit code", status ?? -1, 0);
  verify(stderr.startsWith("heapwright: 100 blocks, 6400 bytes, of 1 stack\n"), "100 records are reported");
  verify(stderr.includes(program.frame("answer", "malloc(64)")), "the line that allocated them is named");
  for (const each of program.shortened(stderr.trimEnd()).split("\n")) line(each === "" ? "" : `  ${each}`);
  line();
  const { number, text } = program.line("malloc(64)");
  say(`Line ${number} is the one:`);
  line(`  ${paint.faint(String(number))}  ${paint.code(text.trim())}`);
  line();
}

/** What each function allocates, and how much of it lives: the truth that estimates are compared with. */
interface Truth {
  readonly work: (held: Pointer[]) => void;
  readonly allocated: number;
  readonly live: number;
}

/** Lines of 16 to 415 bytes, each freed before the next comes. */
function readLines(): void {
  for (let i = 0; i < 40_000; i++) free(malloc(16 + (i % 400)));
}

function makeIndex(held: Pointer[]): void {
  for (let i = 0; i < 500; i++) held.push(malloc(8000));
}

/** Every other one is freed when all are there. */
function makeBuffers(held: Pointer[]): void {
  const made = Array.from({ length: 80 }, () => malloc(60_000));
  for (const [index, pointer] of made.entries()) {
    if (index % 2 === 0) free(pointer);
    else held.push(pointer);
  }
}

const TRUTHS: readonly Truth[] = [
  { work: readLines, allocated: 40_000 * (16 + 399 / 2), live: 0 },
  { work: makeIndex, allocated: 500 * 8000, live: 500 * 8000 },
  { work: makeBuffers, allocated: 80 * 60_000, live: 40 * 60_000 },
];

function sample({ profile }: Tools, held: Pointer[]): void {
  say(
    `The second samples: one block for about every ${count(EVERY)} bytes here, and for every 512 KiB by default. What ` +
      "it tells of each function is an estimate; beside it is the truth, which these three know:",
  );
  code(`profile.start({ every: ${EVERY} })`);
  profile.start({ every: EVERY });
  for (const { work } of TRUTHS) work(held);
  const data = profile.stop();
  code("profile.stop()");
  line();
  table(
    ["function", " allocated", " estimate", " off by", " live", " estimate"],
    TRUTHS.map((truth) => compared(truth, data)),
  );
  line();
  say("npx heapwright run --profile app.html app.mjs draws the same as a flame graph.");
}

function compared({ work: { name }, allocated, live }: Truth, { samples }: ProfileData): string[] {
  const own = samples.filter(({ stack }) => stack.some((frame) => frame.function === name));
  const allocatedEstimate = own.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const liveEstimate = own.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
  const off = Math.abs(allocatedEstimate / allocated - 1);
  verify(off < MOST_OFF, `the estimate of ${name} is off by ${off}`);
  verify(Math.abs(liveEstimate - live) <= MOST_OFF * live + 1, `${liveEstimate} bytes of ${name} are live`);
  return [
    name,
    count(allocated),
    count(Math.round(allocatedEstimate)),
    `${(off * 100).toFixed(1)} %`,
    count(live),
    count(Math.abs(Math.round(liveEstimate))),
  ];
}

const PARTS: Record<keyof HeapSnapshot["footprint"], string> = {
  live: "in use",
  headers: "in front of blocks",
  cached: "freed, kept for the next request of their size",
  remote: "freed by another thread, on their way back",
  free: "free blocks",
  wilderness: "touched once, above the last block",
  slack: "at the ends of mappings",
  bookkeeping: "records of heaps, ends of segments",
};

function drawMap({ heapMap }: Tools): void {
  say(
    "The third draws the heap as it is now: one page for a browser, with every block at its place and to scale, and " +
      "where the footprint goes:",
  );
  trim();
  const folder = mkdtempSync(join(tmpdir(), "heapwright-tour-"));
  try {
    const file = join(folder, "heap.html");
    heapMap(file);
    code("heapMap(file)", `a page of ${count(statSync(file).size)} bytes`);
    line();
    tellSums(dataOf(readFileSync(file, "utf8")));
  } finally {
    rmSync(folder, { recursive: true });
  }
  say(
    "The sum is stats().footprint, to the byte. npx heapwright run --map heap.html app.mjs writes the page when app.mjs " +
      "ends; open it in a browser, no network is needed.",
  );
}

/** What is in a page. */
function dataOf(page: string): HeapSnapshot {
  const [, json] = /<script type="application\/json" id="data">(.*)<\/script>/.exec(page) ?? [];
  const snapshots = JSON.parse(json ?? "[]") as HeapSnapshot[];
  same("the number of snapshots in the page", snapshots.length, 1);
  return snapshots[0]!;
}

function tellSums({ footprint: parts, sizes }: HeapSnapshot): void {
  const { allocated, blocks, footprint } = stats();
  const sum = Object.values(parts).reduce((all, part) => all + part, 0);
  same("the sum of the parts", sum, footprint);
  same("live bytes in the page", parts.live, allocated);
  same(
    "live bytes of all sizes",
    sizes.reduce((all, { liveBytes }) => all + liveBytes, 0),
    allocated,
  );
  same(
    "live blocks of all sizes",
    sizes.reduce((all, { liveBlocks }) => all + liveBlocks, 0),
    blocks,
  );
  const names = Object.keys(PARTS) as (keyof typeof PARTS)[];
  const rows = names.filter((name) => parts[name] > 0).map((name) => [name, count(parts[name]), PARTS[name]]);
  table(["footprint", " bytes", "what it is"], [...rows, ["sum", count(sum), ""]]);
  line();
}
