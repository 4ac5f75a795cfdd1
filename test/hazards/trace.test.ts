/**
 * Tracing: every step of the heap with its address, its size and its thread, printed as a line on standard error or
 * given to a function; and nothing at all when it is off.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TraceEvent, TraceStep } from "../../src/index.js";
import { findings, findingsOf, runProgram } from "../support/child.js";

interface Found {
  /** Pointers by what they are in the scenario. */
  places: Record<string, number>;
  trimmed: number;
  events: TraceEvent[];
}

const program = new URL("./programs/traced.ts", import.meta.url);
const LINE = /^heapwright\[(\d+)\] (\w+(?: \w+)?) +0x([0-9a-f]+) +(\d+)$/;

const STEPS: TraceStep[] = [
  "malloc",
  "calloc",
  "aligned",
  "realloc",
  "free",
  "split",
  "coalesce forward",
  "coalesce backward",
  "grow",
  "shrink",
  "mmap",
  "mremap",
  "munmap",
  "purge",
];

function parse(line: string): TraceEvent {
  const match = LINE.exec(line);
  if (match === null) assert.unreachable(`no trace line: ${JSON.stringify(line)}`);
  const [, thread, step, address, size] = match!;
  return {
    step: step as TraceStep,
    address: Number.parseInt(address!, 16),
    size: Number(size),
    thread: Number(thread),
  };
}

async function printed(): Promise<{ found: Found; events: TraceEvent[] }> {
  const outcome = await runProgram(program, { args: ["off"], env: { HEAPWRIGHT_TRACE: "1" } });
  const lines = outcome.stderr.split("\n").filter((line) => line.startsWith("heapwright"));
  return { found: findingsOf<Found>(outcome, "traced"), events: lines.map(parse) };
}

function shows(events: readonly TraceEvent[], step: TraceStep, address: number, size: number): void {
  const shown = events.some(
    (event) => event.step === step && event.address === address && event.size === size,
  );
  assert.ok(shown, `${step} of ${size} bytes at 0x${address.toString(16)} is told`);
}

/** What the scenario must have told, whoever was told. */
function tellsAll({ places, trimmed }: Found, events: readonly TraceEvent[]): void {
  for (const step of STEPS)
    assert.ok(
      events.some((event) => event.step === step),
      `${step} is told`,
    );
  for (const { thread, step } of events) assert.is(thread, 0, `the thread of ${step}`);
  shows(events, "malloc", places.malloc!, 100);
  shows(events, "malloc", places["malloc nothing"]!, 0);
  shows(events, "malloc", places.reused!, 100);
  shows(events, "malloc", places.mmap!, 500_000);
  shows(events, "malloc", places["realloc of NULL"]!, 70);
  shows(events, "calloc", places.calloc!, 200);
  shows(events, "calloc", places["calloc large"]!, 700_000);
  shows(events, "aligned", places.aligned!, 300);
  shows(events, "aligned", places["aligned large"]!, 600_000);
  shows(events, "realloc", places.mremap!, 900_000);
  shows(events, "realloc", places.shrunk!, 40_000);
  shows(events, "realloc", places.regrown!, 60_000);
  shows(events, "free", places["of a Heap"]!, 72);
  shows(events, "coalesce backward", places["row 0"]!, 30_016 + 32_016);
  shows(events, "coalesce forward", places["row 3"]!, 34_016 + 36_016);
  shows(events, "split", places.split! + 25_008, 30_016 + 32_016 - 25_008);
  shows(events, "split", places.shrunk! + 40_016, 90_016 - 40_016);
  const purges = events.filter(({ step }) => step === "purge");
  assert.is(
    purges.reduce((sum, { size }) => sum + size, 0),
    trimmed,
    "the purges add up to what trim() returned",
  );
}

/** Mappings come before their block's malloc and go after its free, and cover the payload. */
function tellsMappings({ places }: Found, events: readonly TraceEvent[]): void {
  const covering = (step: TraceStep, pointer: number) =>
    events.findIndex(
      ({ step: is, address, size }) => is === step && address <= pointer && pointer < address + size,
    );
  assert.ok(covering("mmap", places.mmap!) >= 0);
  assert.ok(covering("mmap", places["aligned large"]!) >= 0);
  const moved = covering("mremap", places.mremap!);
  assert.ok(moved >= 0 && events[moved]!.size >= 900_000);
  const freed = events.findIndex(({ step, address }) => step === "free" && address === places.mremap);
  const unmapped = covering("munmap", places.mremap!);
  assert.ok(freed >= 0 && freed < unmapped, "first the free, then what came of it");
  const grown = events.filter(({ step }) => step === "grow");
  for (const { size } of grown) assert.is(size % 2 ** 20, 0);
  const last = places["many 39"]!;
  assert.ok(grown.some(({ address, size }) => address <= last && last < address + size));
  assert.ok(covering("grow", places["last of a Heap"]!) >= 0);
  assert.ok(covering("shrink", places["last of a Heap"]!) > covering("grow", places["last of a Heap"]!));
}

test("HEAPWRIGHT_TRACE=1 prints each step with address, size and thread", async () => {
  const { found, events } = await printed();
  tellsAll(found, events);
  tellsMappings(found, events);
  assert.equal(found.events, []);
});

test("a trace function is told the same", async () => {
  const found = await findings<Found>(program, { args: ["function"] });
  tellsAll(found, found.events);
  tellsMappings(found, found.events);
  const bare = (events: readonly TraceEvent[]) => events.map(({ step, size }) => `${step} ${size}`);
  const { events } = await printed();
  assert.equal(bare(found.events), bare(events));
});

test("nothing is printed when it is off", async () => {
  for (const value of ["", "0"]) {
    const { code, stderr } = await runProgram(program, { args: ["off"], env: { HEAPWRIGHT_TRACE: value } });
    assert.is(code, 0);
    assert.is(stderr.includes("heapwright["), false);
  }
});

test("the same is done whether it is on or off", async () => {
  const off = await findings<Found>(program, { args: ["off"] });
  const { found } = await printed();
  const origin = (places: Record<string, number>, name: string) => places[name]! - places["row 0"]!;
  for (const name of ["row 5", "split", "shrunk", "many 0", "many 39"]) {
    assert.is(origin(found.places, name), origin(off.places, name), name);
  }
});

test.run();
