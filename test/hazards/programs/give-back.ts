/**
 * Program: what the kernel says is resident, as memory is taken, freed, given back and taken again.
 *
 *   give-back.ts SCENARIO   the name of one of the functions below
 */
import * as lib from "../../../src/index.js";
import { residentAt, tell } from "./proc.js";

const MB = 1e6;

/** `count` blocks of `size` bytes, every byte written. */
function filled(count: number, size: number): lib.Pointer[] {
  return Array.from({ length: count }, (_, i) => {
    const pointer = lib.malloc(size);
    lib.view(pointer).fill(i);
    return pointer;
  });
}

/** Resident bytes of what the blocks lie in: the heap's range, or their mappings. */
function residentOf(pointers: readonly lib.Pointer[]): number {
  const lowest = pointers.reduce((least, pointer) => Math.min(least, pointer), Infinity);
  const highest = pointers.reduce((most, pointer) => Math.max(most, pointer), 0);
  return residentAt(lowest, highest - lowest + 1);
}

function holds(pointer: lib.Pointer, byte: number): boolean {
  return lib.view(pointer).every((value) => value === (byte & 255));
}

const scenarios: Record<string, () => object> = {
  /** 200 MB of small blocks of which a few stay; the policy is off (HEAPWRIGHT_TRIM_THRESHOLD), trim() is called. */
  trim() {
    const start = residentOf([lib.malloc(100)]);
    const blocks = filled(200_000, 992);
    const full = residentOf(blocks);
    const kept = blocks.filter((pointer, i) => {
      if (i % 400 === 0) return true;
      lib.free(pointer);
      return false;
    });
    const freed = residentOf(blocks);
    const given = lib.trim();
    const trimmed = residentOf(blocks);
    const footprint = lib.stats().footprint;
    const again = lib.trim();
    lib.check();
    const intact = kept.every((pointer, i) => holds(pointer, i * 400));
    return { start, full, freed, given, trimmed, footprint, again, intact };
  },

  /** The same without trim(): all freed, in the order of allocation or against it. */
  policy() {
    const start = residentOf([lib.malloc(100)]);
    const results: object[] = [];
    for (const order of ["first to last", "last to first", "every other, then the rest"]) {
      const blocks = filled(200_000, 992);
      const full = residentOf(blocks);
      if (order === "last to first") blocks.reverse();
      if (order.startsWith("every")) blocks.sort((a, b) => blockParity(a) - blockParity(b));
      for (const pointer of blocks) lib.free(pointer);
      lib.check();
      results.push({
        order,
        full: full - start,
        idle: residentOf(blocks) - start,
        footprint: lib.stats().footprint,
      });
    }
    return { results };
  },

  /** 100 MB of which half is freed and allocated again, over and over. */
  hysteresis() {
    const blocks = filled(100_000, 992);
    const before = lib.stats();
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < blocks.length; i += 2) lib.free(blocks[i]!);
      for (let i = 0; i < blocks.length; i += 2) blocks[i] = lib.malloc(992);
    }
    const after = lib.stats();
    lib.check();
    return { trims: after.trims - before.trims, grown: after.footprint - before.footprint };
  },

  /** A large block is there and gone with its malloc and free. */
  large() {
    const rounds: object[] = [];
    for (let round = 0; round < 5; round++) {
      const before = lib.stats();
      const size = 64 * MB;
      const [pointer] = filled(1, size) as [lib.Pointer];
      const full = residentAt(pointer, size);
      lib.free(pointer);
      const freed = residentAt(pointer, size);
      const after = lib.stats();
      const munmaps = after.munmaps - before.munmaps;
      rounds.push({ full, freed, munmaps, footprint: after.footprint - before.footprint });
    }
    return { rounds };
  },

  /** 100 MB from calloc, which nobody has touched before: by mappings, and from the wilderness. */
  fresh() {
    const start = residentOf([lib.malloc(100)]);
    const mapped = Array.from({ length: 100 }, () => lib.calloc(1, MB));
    const touched = residentOf(mapped);
    const carved = Array.from({ length: 1000 }, () => lib.calloc(100, 1000));
    const carvedTo = residentOf(carved);
    const zero = [...mapped.slice(-3), ...carved.slice(-50)].every((pointer) => holds(pointer, 0));
    return { mapped: touched, carved: carvedTo - start, zero };
  },

  /** calloc of memory that was used, in whatever place it was kept since. */
  dirty() {
    const wrong: string[] = [];
    for (const size of [24, 100, 1000, 1100, 5000, 60_000, 120_000, 300_000]) {
      for (const between of ["nothing", "trim", "one more freed"]) {
        const blocks = filled(40, size);
        for (const pointer of blocks) lib.view(pointer).fill(0xa5);
        const last = between === "one more freed" ? filled(1, 2000) : [];
        for (const pointer of blocks) lib.free(pointer);
        if (between === "trim") lib.trim();
        const again = [...blocks.keys()].map((i) =>
          i % 2 === 0 ? lib.calloc(1, size) : lib.calloc(size, 1),
        );
        if (!again.every((pointer) => holds(pointer, 0))) wrong.push(`${size} bytes after ${between}`);
        for (const pointer of [...again, ...last]) lib.free(pointer);
      }
    }
    lib.check();
    return { wrong };
  },

  /** A small block freed beside a large run that was given back does not count the run as touched again. */
  neighbour() {
    const blocks = filled(3000, 20_000);
    const last = lib.malloc(5000);
    for (const pointer of blocks.slice(1)) lib.free(pointer);
    lib.trim();
    const before = lib.stats().footprint;
    lib.free(blocks[0]!);
    const after = lib.stats().footprint;
    lib.free(last);
    return { before, after };
  },
};

function blockParity(pointer: number): number {
  return Math.floor(pointer / 1008) % 2;
}

tell(scenarios[process.argv[2]!]!());
