/**
 * Program: a heap that runs out by its own limit, in all the ways of asking.
 *
 *   limit.ts environment|configure BYTES   where the limit comes from
 */
import type { Pointer } from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { Verifier } from "../../support/verifier.js";
import { tell } from "./proc.js";
import type { Library } from "./workload.js";

const lib: Library = await import("../../../src/index.js");
const [way, given] = process.argv.slice(2);
const limit = Number(given);
if (way === "configure") lib.configure({ limit });
const seed = testSeed("limit");
const random = new Random(seed);
const verifier = new Verifier(seed, (pointer, bytes) => lib.view(pointer as Pointer, bytes));

function allocate(size: number): void {
  const pointer = lib.malloc(size);
  verifier.add(pointer, size, lib.usableSize(pointer));
}

/** What an attempt is refused with; memory is never above the limit, refused or not. */
function codeOf(attempt: () => unknown): string {
  let code = "none";
  try {
    attempt();
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  const { footprint } = lib.stats();
  if (footprint > limit) throw new Error(`the footprint is ${footprint} bytes at a limit of ${limit}`);
  return code;
}

/** Fills the heap until not even the smallest block fits, with blocks of every kind. */
function fill(): void {
  const parts = [
    [900_000, 0.3],
    [200_000, 0.5],
    [50_000, 0.8],
    [3_000, 0.9],
    [900_000, 1],
    [100_000, 1],
    [5_000, 1],
    [200, 1],
    [1, 1],
  ] as const;
  for (const [size, part] of parts) {
    while (verifier.usableBytes < limit * part && codeOf(() => allocate(size)) === "none");
  }
}

function freeHalf(): void {
  for (const block of verifier.blocks.slice()) {
    if (random.chance(0.5)) continue;
    verifier.remove(block);
    codeOf(() => lib.free(block.pointer as Pointer));
  }
}

/** Every way to ask, with nothing left. */
function refusals(): Record<string, string> {
  const small = verifier.blocks.find((block) => block.usable < 1000)!.pointer as Pointer;
  const medium = verifier.blocks.find((block) => block.usable > 40_000 && block.usable < 131_072)!
    .pointer as Pointer;
  const large = verifier.blocks.find((block) => block.usable > 131_072)!.pointer as Pointer;
  const before = lib.stats();
  const codes = {
    small: codeOf(() => lib.malloc(900)),
    medium: codeOf(() => lib.malloc(20_000)),
    large: codeOf(() => lib.malloc(300_000)),
    huge: codeOf(() => lib.malloc(2 ** 52)),
    calloc: codeOf(() => lib.calloc(100, 100)),
    callocLarge: codeOf(() => lib.calloc(1000, 1000)),
    aligned: codeOf(() => lib.alignedAlloc(4096, 100)),
    alignedLarge: codeOf(() => lib.alignedAlloc(2 ** 20, 2 ** 20)),
    reallocNull: codeOf(() => lib.realloc(lib.NULL, 10_000)),
    reallocSmall: codeOf(() => lib.realloc(small, 20_000)),
    reallocSmallToLarge: codeOf(() => lib.realloc(small, 2 ** 20)),
    reallocMedium: codeOf(() => lib.realloc(medium, 125_000)),
    reallocLarge: codeOf(() => lib.realloc(large, 2 ** 22)),
  };
  const after = lib.stats();
  if (after.allocated !== before.allocated || after.blocks !== before.blocks)
    throw new Error("a refusal took memory");
  return codes;
}

const rounds: Array<{ allocated: number; blocks: number }> = [];
let codes: Record<string, string> = {};
for (let round = 0; round < 4; round++) {
  fill();
  codes = refusals();
  verifier.verifyAll();
  lib.check();
  const { allocated, blocks } = lib.stats();
  rounds.push({ allocated, blocks });
  freeHalf();
  if (round % 2 === 1) lib.trim();
  lib.check();
}
const { peakFootprint } = lib.stats();
while (verifier.count > 0) {
  const block = verifier.blocks[0]!;
  verifier.remove(block);
  codeOf(() => lib.free(block.pointer as Pointer));
}
lib.check();
tell({ codes, rounds, peakFootprint, end: lib.stats() });
