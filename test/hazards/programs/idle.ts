/**
 * Program: memory that lies idle while the program does nothing more, or waits.
 *
 *   idle.ts SCENARIO   the name of one of the functions below
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import * as lib from "../../../src/index.js";
import { check, Heap, type Pointer, stats, write } from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { patience } from "../../support/surroundings.js";
import { tell } from "./proc.js";

const BLOCKS = 2_000_000;
const SIZE = 200;
/** Of so many one stays, so that a freed run ends there. */
const STAYS = 1000;

/** All but a few of very many blocks freed, in random order. */
function shuffled(blocks: number, { malloc, free }: Pick<Heap, "malloc" | "free"> = lib): number {
  const random = new Random(testSeed("idle"));
  const pointers = new Float64Array(blocks);
  for (let i = 0; i < blocks; i++) {
    pointers[i] = malloc(SIZE);
    write.u32(pointers[i] as Pointer, 1);
  }
  const full = stats().footprint;
  for (let i = blocks - 1; i > 0; i--) {
    const other = random.int(0, i);
    const pointer = pointers[i]!;
    pointers[i] = pointers[other]!;
    pointers[other] = pointer;
  }
  for (let i = 0; i < blocks; i++) if (i % STAYS !== 0) free(pointers[i] as Pointer);
  return full;
}

/** Until the footprint is below that, or the time is up. */
async function settled(bytes: number): Promise<{ milliseconds: number; footprint: number }> {
  const start = performance.now();
  while (stats().footprint > bytes && performance.now() - start < patience(30_000)) await sleep(50);
  check();
  return { milliseconds: performance.now() - start, footprint: stats().footprint };
}

/** Timers that keep the event loop of this thread alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout" || kind === "Immediate").length;
}

const scenarios: Record<string, () => Promise<object> | object> = {
  async shuffled() {
    const full = shuffled(BLOCKS);
    const freed = stats().footprint;
    return { full, freed, ...(await settled(48 * 2 ** 20)) };
  },
  async "shuffled in a Heap"() {
    const heap = new Heap();
    const bound = {
      malloc: (size: number) => heap.malloc(size),
      free: (pointer: Pointer) => heap.free(pointer),
    };
    const full = shuffled(BLOCKS, bound);
    const freed = stats().footprint;
    return { full, freed, ...(await settled(48 * 2 ** 20)) };
  },
  /** Ends by itself, with the timer pending. */
  ends() {
    shuffled(BLOCKS / 10);
    return { timers: timers() };
  },
  async "worker ends"() {
    const worker = startWorker(new URL(import.meta.url), null);
    const kept = await new Promise<number>((resolve) => worker.once("message", resolve));
    await new Promise((resolve) => worker.once("exit", resolve));
    return { timers: kept };
  },
  /** A threshold that rose falls when nobody asks for large blocks. */
  async threshold() {
    const churn = () => {
      for (let i = 0; i < 20; i++) lib.free(lib.malloc(1_000_000));
    };
    const mapped = () => {
      const before = stats().mmaps;
      const block = lib.malloc(1_000_000);
      const after = stats().mmaps;
      lib.free(block);
      return after - before;
    };
    churn();
    const risen = mapped();
    await sleep(4000);
    return { risen, fallen: mapped() };
  },
  /** What a request stores in an AsyncLocalStorage can be collected while the timer waits. */
  async context() {
    console.log("standard output keeps the store of whoever writes to it first: that is nobody's");
    const storage = new AsyncLocalStorage<object>();
    let store: WeakRef<object> | null = null;
    (() => {
      const object = { large: true };
      store = new WeakRef(object);
      storage.run(object, () => shuffled(BLOCKS / 20));
    })();
    await sleep(20);
    for (let i = 0; i < 5; i++) {
      await sleep(5);
      (globalThis as { gc?: () => void }).gc!();
    }
    return { kept: store!.deref() !== undefined };
  },
};

if (isMainThread) tell(await scenarios[process.argv[2]!]!());
else {
  const { parentPort } = await import("node:worker_threads");
  shuffled(BLOCKS / 10);
  parentPort!.postMessage(timers());
}
