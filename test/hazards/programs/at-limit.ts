/**
 * Program: calls that have room at the limit once what lies idle is given back, or what they hold already is counted.
 *
 *   at-limit.ts SCENARIO   the name of one of the functions below
 */
import {
  alignedAlloc,
  check,
  configure,
  fill,
  free,
  malloc,
  realloc,
  stats,
  trim,
  usableSize,
  walk,
} from "../../../src/index.js";
import { tell } from "./proc.js";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Blocks that are touched and freed again: what they took lies idle. */
function idle(count: number): void {
  const blocks = Array.from({ length: count }, () => malloc(100 * KIB));
  for (const block of blocks) fill(block, 1, 100 * KIB);
  for (const block of blocks) free(block);
}

/** Allocates until not even the smallest block is granted. */
function fillUp(): void {
  for (const size of [1000, 0]) {
    let refused = false;
    while (!refused) {
      try {
        malloc(size);
      } catch {
        refused = true;
      }
    }
  }
}

/** How many bytes the limit leaves. */
function room(limit: number): number {
  return limit - stats().footprint;
}

const scenarios: Record<string, () => object> = {
  "an aligned block with a mapping, while the heap lies idle"() {
    configure({ limit: 16 * MIB });
    idle(100);
    return { aligned: alignedAlloc(4096, 12 * MIB) % 4096 };
  },
  "a mapped block that grows, while the heap lies idle"() {
    configure({ limit: 16 * MIB });
    const block = malloc(9 * MIB);
    idle(50);
    return { grown: realloc(block, 12 * MIB) !== 0 };
  },
  "a block above the threshold in the heap that shrinks"() {
    configure({ limit: 16 * MIB });
    idle(100);
    const block = malloc(13 * MIB);
    return { kept: [12 * MIB, 3 * MIB, 100 * KIB].map((size) => realloc(block, size) === block) };
  },
  "a mapped block that shrinks, where the heap has no room for it"() {
    configure({ limit: 4 * MIB });
    const block = malloc(4 * MIB - 64 * KIB - 16);
    fillUp();
    return { kept: realloc(block, 20_000) === block };
  },
  "a mapped block that grows below a threshold that has risen"() {
    const limit = 38 * MIB;
    configure({ mmapThreshold: "dynamic", limit });
    const large = malloc(20 * MIB);
    const block = malloc(9 * MIB);
    free(large); // from now on blocks up to that size come from the heap
    malloc(20 * MIB - 100 * KIB);
    return { grown: realloc(block, 9.5 * MIB) !== 0, left: room(limit) };
  },
  "an aligned block that fits into a mapping and not into the heap"() {
    const limit = MIB;
    configure({ limit });
    malloc(room(limit) - 110 * KIB);
    return { aligned: alignedAlloc(65_536, 100) % 65_536, left: room(limit) };
  },
  "what the heap was charged for and never touched"() {
    const limit = MIB;
    configure({ limit });
    malloc(40_000);
    return { aligned: alignedAlloc(4096, room(limit) - 3 * 4096) % 4096 };
  },
  "growing over pages that were given back takes those it needs"() {
    const block = malloc(50 * KIB);
    const blocks = Array.from({ length: 80 }, () => malloc(100 * KIB));
    malloc(50 * KIB);
    for (const other of blocks) fill(other, 1, 100 * KIB);
    for (const other of blocks) free(other);
    trim();
    const before = stats().footprint;
    const kept = realloc(block, 51 * KIB) === block;
    return { kept, more: stats().footprint - before };
  },
  "an aligned mapped block that shrinks to nothing, where the heap has no room for it"() {
    configure({ limit: 8 * MIB });
    const block = alignedAlloc(4096, 300_000);
    fillUp();
    const kept = realloc(block, 0) === block;
    return { kept, usable: usableSize(block), found: [...walk()].some(({ pointer }) => pointer === block) };
  },
  "an empty block aligned to more than a page, with a mapping of its own"() {
    const block = alignedAlloc(2 ** 18, 0);
    malloc(200_000); // a mapping just above
    check();
    free(block);
    return { blocks: stats().blocks };
  },
};

const result = scenarios[process.argv[2]!]!();
check();
tell(result);
