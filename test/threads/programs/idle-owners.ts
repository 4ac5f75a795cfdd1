/**
 * Program: a worker allocates and waits, and the main thread frees what it allocated.
 *
 *   idle-owners.ts SCENARIO   the name of one of the functions below
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, type Worker, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import {
  check,
  configure,
  free,
  HeapError,
  idle,
  malloc,
  type Pointer,
  stats,
  trim,
  view,
} from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";

const MIB = 2 ** 20;
const BYTES = 31 * MIB;

type How = "in the event loop" | "in Atomics.wait" | "after idle()" | "in turns";
interface Work {
  readonly how: How;
  readonly size: number;
  readonly gate: Int32Array;
}

function blocks(size: number, bytes = BYTES): Pointer[] {
  return Array.from({ length: Math.floor(bytes / size) }, () => {
    const pointer = malloc(size);
    view(pointer).fill(7);
    return pointer;
  });
}

/** A worker that has allocated, and waits. */
async function owner(
  how: How,
  size: number,
): Promise<{ worker: Worker; pointers: Pointer[]; gate: Int32Array }> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = startWorker(new URL(import.meta.url), { how, size, gate } satisfies Work);
  const pointers = await next(worker);
  await sleep(100); // it is where it waits
  return { worker, pointers, gate };
}

function next(worker: Worker): Promise<Pointer[]> {
  return new Promise((resolve) => worker.once("message", resolve)); // an error in it ends this program
}

function attempt(work: () => void): string {
  try {
    work();
    return "";
  } catch (error) {
    return error instanceof HeapError ? error.message : `${error}`;
  }
}

const scenarios: Record<string, (how: How, size: number) => Promise<object>> = {
  async trim(how, size) {
    malloc(100);
    const { worker, pointers } = await owner(how, size);
    for (const pointer of pointers) free(pointer);
    const given = trim();
    const { remote, waiting, footprint } = stats();
    check();
    await worker.terminate();
    return { given, remote, footprint, waiting: [...waiting] };
  },
  /** Every other block is freed: none can be coalesced, nor its pages given back. */
  async pieces(how, size) {
    configure({ limit: 40 * MIB });
    malloc(100);
    const { worker, pointers } = await owner(how, size);
    for (let i = 0; i < pointers.length; i += 2) free(pointers[i]!);
    const given = trim();
    const { remote, waiting, footprint } = stats();
    const failed = attempt(() => blocks(size));
    check();
    await worker.terminate();
    return { given, remote, footprint, waiting: [...waiting], failed };
  },
  async limit(how, size) {
    configure({ limit: 48 * MIB });
    malloc(100);
    const { worker, pointers } = await owner(how, size);
    for (const pointer of pointers) free(pointer);
    const failed = attempt(() => blocks(size));
    check();
    await worker.terminate();
    return { failed };
  },
  /** What the owner does when it comes back: its blocks are whole, and it allocates again. */
  async back(how, size) {
    const { worker, pointers, gate } = await owner(how, size);
    const kept = pointers.filter((_, i) => i % 3 === 0);
    for (const [i, pointer] of pointers.entries()) if (i % 3 !== 0) free(pointer);
    const own = blocks(size, BYTES / 2); // takes the worker's heap over, if it may be had
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    const more = await next(worker);
    const all = [...kept, ...own, ...more];
    const whole = all.every((pointer) => view(pointer).every((byte) => byte === 7));
    const { footprint } = stats();
    for (const pointer of all) free(pointer);
    check();
    await worker.terminate();
    return { whole, unique: new Set(all).size === all.length, footprint };
  },
  /** A ring: each owner in turn allocates, hands over and waits; another thread frees. Footprints after each turn. */
  async ring() {
    const random = new Random(testSeed("ring of idle owners"));
    const crew = await Promise.all(
      Array.from({ length: Number(process.argv[4]) }, (_, i) =>
        owner(i % 2 === 0 ? "in turns" : "after idle()", 100),
      ),
    );
    let live = crew.map(({ pointers }) => pointers);
    const footprints: number[] = [];
    for (let turn = 0; turn < Number(process.argv[5]); turn++) {
      const at = random.int(0, crew.length - 1);
      const { worker, gate } = crew[at]!;
      for (const pointer of live[at]!) free(pointer);
      const answer = next(worker);
      Atomics.store(gate, 0, random.pick([100, 1000, 3000, 60_000, 200_000, 700_000]));
      Atomics.notify(gate, 0);
      live[at] = await answer;
      footprints.push(stats().footprint);
    }
    check();
    live = [];
    await Promise.all(crew.map(({ worker }) => worker.terminate()));
    return { footprints };
  },
};

async function work({ how, size, gate }: Work): Promise<void> {
  const wait = () => {
    if (how === "after idle()") idle();
    Atomics.wait(gate, 0, 0);
  };
  parentPort!.postMessage(blocks(size, size === 100 ? 3 * MIB : BYTES));
  if (how === "in the event loop") {
    await sleep(100_000);
    return;
  }
  if (how === "in Atomics.wait" || size !== 100) {
    wait();
    parentPort!.postMessage(blocks(size));
    await sleep(100_000);
    return;
  }
  for (;;) {
    if (how === "in turns") while (Atomics.load(gate, 0) === 0) await sleep(2);
    else wait();
    const wanted = Atomics.exchange(gate, 0, 0);
    parentPort!.postMessage(blocks(wanted, 3 * MIB));
  }
}

if (isMainThread) {
  const [name, how] = [process.argv[2]!, process.argv[3] as How];
  tell(await scenarios[name]!(how, Number(process.argv[4])));
  process.exit();
} else await work(workerData as Work);
