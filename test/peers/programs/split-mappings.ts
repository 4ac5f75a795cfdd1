/**
 * Program: C protects every other page of large blocks until the kernel allows no more mappings (vm.max_map_count). Then all
 * blocks are freed, first some that are one mapping with their neighbours: the kernel refuses to unmap these.
 */
import { readFileSync } from "node:fs";
import koffi from "koffi";
import { check, free, malloc, type Pointer, stats, trim } from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";

const SIZE = 2 ** 20;
const BLOCKS = 300;
const UNSPLIT = 20;
const PAGE = 4096;
const READ = 1;
const mprotect = koffi.load(null).func("int mprotect(uintptr_t, size_t, int)") as unknown as (
  ...args: number[]
) => number;

/** Protects every other page, until that is refused; how many. */
function protect(blocks: readonly Pointer[]): number {
  let done = 0;
  for (const block of blocks) {
    const first = Math.ceil(block / PAGE) * PAGE;
    for (let page = first; page + 2 * PAGE <= block + SIZE; page += 2 * PAGE) {
      if (mprotect(page, PAGE, READ) !== 0) return done;
      done++;
    }
  }
  return done;
}

/** Bytes that are mapped where the blocks were. */
function mappedAt(blocks: readonly Pointer[]): number {
  const [low, high] = [Math.min(...blocks) - PAGE, Math.max(...blocks) + SIZE];
  let bytes = 0;
  for (const [, start, end] of readFileSync("/proc/self/maps", "latin1").matchAll(/^(\w+)-(\w+)/gm)) {
    const [from, to] = [Number.parseInt(start!, 16), Number.parseInt(end!, 16)];
    bytes += Math.max(0, Math.min(to, high) - Math.max(from, low));
  }
  return bytes;
}

malloc(100);
trim();
const before = stats().footprint;
const blocks = Array.from({ length: BLOCKS }, () => malloc(SIZE));
const done = protect(blocks);
const random = new Random(testSeed("order"));
const places = new Map(blocks.map((block) => [block, random.next()]));
const last = blocks.splice(-2 - UNSPLIT, UNSPLIT);
for (const block of [...last, ...blocks.sort((one, other) => places.get(one)! - places.get(other)!)])
  free(block);
const after = stats().footprint;
check();
tell({ done, footprint: after - before, mapped: mappedAt([...blocks, ...last]) });
