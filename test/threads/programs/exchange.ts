/**
 * Program: two threads that each make blocks for the other, which looks at them, resizes some and frees them.
 *
 *   exchange.ts BLOCKS
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, PATIENCE_MS, start } from "./crew.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

/** Blocks that wait in one direction. */
const SLOTS = 128;
const HEAD = 0;
const TAIL = 1;

interface Task {
  readonly rings: readonly SharedArrayBuffer[];
  readonly side: number;
  readonly blocks: number;
  readonly seed: number;
}

/** Pointers on their way from one thread to one other. */
class Ring {
  readonly #ends: Int32Array;
  readonly #slots: Float64Array;

  constructor(shared: SharedArrayBuffer) {
    this.#ends = new Int32Array(shared, 0, 2);
    this.#slots = new Float64Array(shared, 8, SLOTS);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(8 + SLOTS * 8);
  }

  /** Whether there was room. */
  put(pointer: lib.Pointer): boolean {
    const tail = Atomics.load(this.#ends, TAIL);
    if (tail - Atomics.load(this.#ends, HEAD) === SLOTS) return false;
    this.#slots[tail % SLOTS] = pointer;
    Atomics.store(this.#ends, TAIL, tail + 1); // after the pointer and what is in the block
    return true;
  }

  /** NULL when there is none. */
  take(): lib.Pointer {
    const head = Atomics.load(this.#ends, HEAD);
    if (Atomics.load(this.#ends, TAIL) === head) return lib.NULL;
    const pointer = this.#slots[head % SLOTS] as lib.Pointer;
    Atomics.store(this.#ends, HEAD, head + 1);
    return pointer;
  }
}

/** Two thirds up to 64 KiB, small ones most often; now and then one that has a mapping of its own. */
function sizeFrom(random: Random): number {
  return random.chance(0.005) ? random.int(140_000, 500_000) : random.spread(LEAST, 65_536);
}

function consume(pointer: lib.Pointer, stamps: Stamps, random: Random): void {
  const bytes = stamps.verify(pointer);
  if (lib.usableSize(pointer) < bytes) throw new Error(`${bytes} bytes were asked for, and it says less`);
  if (!random.chance(0.2)) {
    lib.free(pointer);
    return;
  }
  const size = sizeFrom(random);
  const resized = lib.realloc(pointer, size);
  stamps.verify(resized, size);
  stamps.write(resized, size, random);
  stamps.verify(resized);
  lib.free(resized);
}

function trade({ rings, side, blocks, seed }: Task): void {
  const out = new Ring(rings[side]!);
  const coming = new Ring(rings[1 - side]!);
  const random = new Random(seed + side);
  const stamps = new Stamps(lib, seed);
  const end = Date.now() + PATIENCE_MS;
  let made = lib.NULL;
  for (let sent = 0, seen = 0; sent < blocks || seen < blocks; ) {
    if (made === lib.NULL && sent < blocks) {
      const size = sizeFrom(random);
      made = random.chance(0.1) ? lib.alignedAlloc(2 ** random.int(4, 12), size) : lib.malloc(size);
      stamps.write(made, size, random);
    }
    if (made !== lib.NULL && out.put(made)) {
      made = lib.NULL;
      sent++;
    }
    const pointer = coming.take();
    if (pointer !== lib.NULL) {
      consume(pointer, stamps, random);
      seen++;
    } else if (Date.now() > end) throw new Error(`sent ${sent}, saw ${seen}, and nothing comes`);
  }
  lib.check();
}

async function main(): Promise<void> {
  const blocks = Number(process.argv[2]);
  const seed = testSeed("exchange");
  const rings = [Ring.memory(), Ring.memory()];
  await finish([0, 1].map((side) => start(import.meta.url, { rings, side, blocks, seed } satisfies Task)));
  verdict(lib);
  tell(lib.stats());
}

if (isMainThread) await main();
else {
  trade(given<Task>());
  parentPort!.postMessage("done");
}
