/**
 * Program: a worker allocates and waits, and the main thread frees what it allocated.
 *
 *   idle-owners.ts SCENARIO   the name of one of the functions below
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, type Worker, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import {
  check,
  configure,
  free,
  Heap,
  HeapError,
  idle,
  layout,
  malloc,
  type Pointer,
  stats,
  trim,
  typed,
  view,
} from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { patience } from "../../support/surroundings.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Bytes of blocks that the owner frees itself. */
const UNTOUCHED = 100_001;
const BYTES = 31 * MIB;

type How = "in the event loop" | "in Atomics.wait" | "after idle()" | "in turns" | "with a Heap";
interface Work {
  readonly how: How;
  readonly size: number;
  readonly gate: Int32Array;
  /** The address of pointers to free, and how many. */
  readonly list: Float64Array;
}

interface Owner {
  readonly worker: Worker;
  readonly pointers: Pointer[];
  readonly gate: Int32Array;
  readonly list: Float64Array;
}

/** After so long without use a heap is looked after no more. */
const UPKEEP_MS = 2500;
/** Small blocks, large ones, and sizes that the dynamic threshold follows. */
const RING_SIZES = [100, 1000, 3000, 60_000, 200_000, 700_000, 1_500_000];
const RING_BYTES = 3 * MIB;
const START_AT_ONCE = 20;
/** At the gate: to free what is in the list, and to allocate nothing. */
const FREE = -1;

function untouched(): Pointer[] {
  return Array.from({ length: (3.3 * GIB) / UNTOUCHED }, () => malloc(UNTOUCHED));
}

function blocks(size: number, bytes = BYTES, allocate = malloc): Pointer[] {
  return Array.from({ length: Math.floor(bytes / size) }, () => {
    const pointer = allocate(size);
    view(pointer).fill(7);
    return pointer;
  });
}

/** A worker that has allocated, and waits. */
async function owner(how: How, size: number): Promise<Owner> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const list = new Float64Array(new SharedArrayBuffer(16));
  const worker = startWorker(new URL(import.meta.url), { how, size, gate, list } satisfies Work);
  const pointers = await next(worker);
  await sleep(100); // it is where it waits
  return { worker, pointers, gate, list };
}

/** Has an owner free blocks, and allocate others of `size` bytes, or none for 0. */
async function order({ worker, gate, list }: Owner, size: number, freed: Pointer[]): Promise<Pointer[]> {
  const pointers = malloc(8 * freed.length);
  typed(Float64Array, pointers, freed.length).set(freed);
  list.set([pointers, freed.length]);
  const answer = next(worker);
  Atomics.store(gate, 0, size || FREE);
  Atomics.notify(gate, 0);
  worker.postMessage(null); // for one that is in its event loop
  return answer;
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
  /** The owner has done its upkeep, and the main thread has next to no memory itself. */
  async late(how, size) {
    malloc(100);
    const { worker, pointers } = await owner(how, size);
    await sleep(UPKEEP_MS);
    for (const pointer of pointers) free(pointer);
    const end = performance.now() + patience(30_000);
    while (stats().remote > 0 && performance.now() < end) await sleep(50);
    const { remote } = stats();
    check();
    await worker.terminate();
    return { remote };
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
  /** Address space, for no page of the blocks is touched but those of their headers: most of the window. */
  async window(how) {
    malloc(100);
    const { worker } = await owner(how, UNTOUCHED);
    const errors = new Set<string>();
    const failed = attempt(() => {
      const blocks = untouched();
      for (const pointer of blocks) free(pointer);
      free(malloc(GIB)); // where those were
      for (let i = 0; i < blocks.length; i += 100)
        errors.add(attempt(() => free(blocks[i]!)).replace(/^.*?: .*?: /, ""));
      for (const pointer of untouched()) free(pointer);
    });
    check();
    await worker.terminate();
    return { failed, errors: [...errors] };
  },
  /** All of the window, for it holds no block any more: for a thread that has no heap yet, for a Heap, and for a walk from before. */
  async full() {
    const found: Pointer[] = [];
    const out = attempt(() => {
      for (;;) found.push(malloc(UNTOUCHED));
    });
    const { regions } = layout();
    for (const pointer of found) free(pointer);
    const made = attempt(() => {
      if (process.argv[3] === "a Heap") new Heap().destroy();
    });
    const [gate, list] = [new Int32Array(1), new Float64Array(1)];
    const work: Work = { how: "in the event loop", size: BYTES, gate, list };
    const worker = startWorker(new URL(import.meta.url), work);
    const [pointer] = await next(worker);
    free(pointer!);
    const large = attempt(() => free(malloc(GIB)));
    let live = 0;
    for (const region of regions) region.blocks((_, bytes, state) => (live += state === "live" ? bytes : 0));
    check();
    await worker.terminate();
    return { out, made, large, live };
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
  /**
   * A ring: an owner allocates and hands over, another one or the main thread frees, and all others are idle. Footprints after each
   * turn.
   */
  async ring() {
    const [owners, turns] = [Number(process.argv[4]), Number(process.argv[5])];
    const random = new Random(testSeed("ring of idle owners"));
    const crew: Owner[] = [];
    while (crew.length < owners) {
      const batch = Array.from({ length: Math.min(START_AT_ONCE, owners - crew.length) }, (_, i) =>
        owner(i % 2 === 0 ? "in turns" : "after idle()", 100),
      );
      crew.push(...(await Promise.all(batch)));
    }
    const live = crew.map(({ pointers }) => pointers);
    const footprints: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const [at, freer] = [turn % owners, random.int(0, owners)];
      if (freer === at || freer === owners) for (const pointer of live[at]!) free(pointer);
      else await order(crew[freer]!, 0, live[at]!);
      live[at] = await order(crew[at]!, random.pick(RING_SIZES), []);
      footprints.push(stats().footprint);
    }
    check();
    await Promise.all(crew.map(({ worker }) => worker.terminate()));
    return { footprints };
  },
};

async function work({ how, size, gate, list }: Work): Promise<void> {
  const wait = () => {
    if (how === "after idle()" || how === "with a Heap") idle();
    Atomics.wait(gate, 0, 0);
  };
  if (size === UNTOUCHED) for (const pointer of untouched()) free(pointer);
  const made = how === "with a Heap" ? new Heap() : null;
  const allocate = made === null ? malloc : (bytes: number) => made.malloc(bytes);
  parentPort!.postMessage(
    size === UNTOUCHED ? [] : blocks(size, size === 100 ? RING_BYTES : BYTES, allocate),
  );
  if (how === "in the event loop") {
    await sleep(100_000);
    return;
  }
  if (how === "in Atomics.wait" || size !== 100) {
    wait();
    parentPort!.postMessage(blocks(size, BYTES, allocate));
    await sleep(100_000);
    return;
  }
  for (;;) {
    if (how === "in turns") await once(parentPort!, "message");
    else wait();
    const wanted = Atomics.exchange(gate, 0, 0);
    const [pointers, count] = [list[0] as Pointer, list[1]!];
    for (const pointer of typed(Float64Array, pointers, count).slice()) free(pointer as Pointer);
    free(pointers);
    parentPort!.postMessage(wanted === FREE ? [] : blocks(wanted, RING_BYTES));
  }
}

if (isMainThread) {
  const [name, how] = [process.argv[2]!, process.argv[3] as How];
  tell(await scenarios[name]!(how, Number(process.argv[4])));
  process.exit();
} else await work(workerData as Work);
