/**
 * Memory use follows the live bytes, by what the kernel counts: free memory goes back by trim() and, when much lies
 * idle, by itself; large blocks at once; and calloc of fresh memory leaves it untouched.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/give-back.ts", import.meta.url);
const MB = 1e6;
/** Pages that blocks share with others, and what the library itself keeps. */
const NOISE = MB;
/** The default of trimThreshold. */
const THRESHOLD = 32 * 2 ** 20;

function scenario<T>(name: string, env: Record<string, string> = {}): Promise<T> {
  return findings<T>(program, { args: [name], env });
}

/** Resident bytes at each point, what trim() returned twice, and whether the blocks that stayed are whole. */
interface Trimmed {
  start: number;
  full: number;
  freed: number;
  given: number;
  trimmed: number;
  footprint: number;
  again: number;
  intact: boolean;
}

const inMB = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`;

test("trim() lowers resident memory by what it says", async () => {
  const found = await scenario<Trimmed>("trim", { HEAPWRIGHT_TRIM_THRESHOLD: "4G" });
  const { start, full, freed, given, trimmed, footprint, again, intact } = found;
  assert.ok(full - start > 190 * MB, `the blocks took ${inMB(full - start)}`);
  assert.ok(full - freed < NOISE, `without trim() ${inMB(full - freed)} went back`);
  assert.ok(given > 180 * MB, `trim() said ${inMB(given)}`);
  assert.ok(
    Math.abs(freed - trimmed - given) < NOISE,
    `trim() said ${inMB(given)}; ${inMB(freed - trimmed)} went`,
  );
  assert.ok(footprint < 15 * MB, `the footprint is ${inMB(footprint)}`);
  assert.is(again, 0, "a second trim() finds nothing");
  assert.ok(intact, "the blocks that stayed are whole");
});

test("after a wave of small blocks memory goes back by itself", async () => {
  interface Wave {
    order: string;
    full: number;
    idle: number;
    footprint: number;
  }
  const { results } = await scenario<{ results: Wave[] }>("policy");
  for (const { order, full, idle, footprint } of results) {
    assert.ok(full > 190 * MB, order);
    assert.ok(idle < 2 * THRESHOLD, `freed ${order}: ${inMB(idle)} stayed resident`);
    assert.ok(footprint < 2 * THRESHOLD, `freed ${order}: the footprint says ${inMB(footprint)}`);
  }
});

test("a program that frees and allocates half of its blocks again and again keeps its pages", async () => {
  const { trims, grown } = await scenario<{ trims: number; grown: number }>("hysteresis");
  assert.ok(trims <= 1, `${trims} trims in 12 rounds`);
  assert.ok(grown < 4 * MB, `the footprint grew by ${inMB(grown)}`);
});

test("a large block leaves at once", async () => {
  interface Round {
    full: number;
    freed: number;
    munmaps: number;
    footprint: number;
  }
  const { rounds } = await scenario<{ rounds: Round[] }>("large");
  for (const { full, freed, munmaps, footprint } of rounds) {
    assert.ok(full >= 64 * MB, inMB(full));
    assert.is(freed, 0, `${inMB(freed)} stayed`);
    assert.is(munmaps, 1);
    assert.is(footprint, 0, `${inMB(footprint)} of footprint stayed`);
  }
});

test("calloc of fresh memory does not touch it", async () => {
  const { mapped, carved, zero } = await scenario<{ mapped: number; carved: number; zero: boolean }>("fresh");
  assert.ok(mapped < NOISE, `100 MB in mappings took ${inMB(mapped)}`);
  assert.ok(carved < 1000 * 4096 + NOISE, `1,000 blocks of the heap, a header in each, took ${inMB(carved)}`);
  assert.ok(zero);
});

test("calloc of used memory clears it", async () => {
  const { wrong } = await scenario<{ wrong: string[] }>("dirty");
  assert.equal(wrong, []);
});

test("what was given back is not counted again when a neighbour is freed", async () => {
  const { before, after } = await scenario<{ before: number; after: number }>("neighbour");
  assert.ok(after - before < MB, `freeing 20,000 bytes raised the footprint by ${inMB(after - before)}`);
});

test.run();
