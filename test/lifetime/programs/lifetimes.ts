/**
 * A worker that fills arenas and scopes, verifies them, hands some blocks to the main thread, and gives all others back
 * once those were read.
 */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { Arena, own, type Pointer, Scope, view } from "../../../src/index.js";
import { Random } from "../../support/seed.js";
import { Verifier } from "../../support/verifier.js";

export interface Ask {
  seed: number;
  /** A block of the main thread's, that is ours to free. */
  theirs: Pointer;
}

export interface Made {
  /** Blocks of an arena, of 100 bytes. */
  listed: Pointer[];
  /** A block that outlived its scope. */
  kept: Pointer;
  /** Operations of which the verifier found something wrong. */
  failures: number;
}

export const LISTED = 1000;
export const PATTERN = 0xa7;
const ROUNDS = 50;
const BLOCKS = 300;

/** Rounds of an arena beside a scope, both looked over at the end of each. */
function work(random: Random): number {
  let failures = 0;
  using arena = new Arena({ chunkBytes: 8192 });
  for (let round = 0; round < ROUNDS; round++) {
    using scope = new Scope();
    const verifier = new Verifier(random.next(), (pointer, bytes) => view(pointer as Pointer, bytes));
    for (let i = 0; i < BLOCKS; i++) {
      const size = random.spread(1, 4000);
      const pointer = random.chance(0.5) ? arena.malloc(size) : scope.malloc(size);
      verifier.add(pointer, size, size);
    }
    try {
      verifier.verifyAll();
    } catch {
      failures++;
    }
    arena.reset();
  }
  return failures;
}

async function main(port: NonNullable<typeof parentPort>): Promise<void> {
  const { seed, theirs } = workerData as Ask;
  using _theirs = own(theirs);
  using arena = new Arena();
  const failures = work(new Random(seed));
  const listed = Array.from({ length: LISTED }, () => arena.malloc(100));
  for (const pointer of listed) view(pointer, 100).fill(PATTERN);
  const kept = Scope.run((scope) => {
    const block = scope.malloc(500);
    view(block).fill(PATTERN);
    return scope.keep(block);
  });
  const read = once(port, "message");
  port.postMessage({ listed, kept, failures } satisfies Made);
  await read;
}

if (parentPort !== null) await main(parentPort);
