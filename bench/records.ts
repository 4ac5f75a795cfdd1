/**
 * Many small records that live for long, which the garbage collector sees or does not see: ten million of 32 bytes, here
 * and as what JavaScript offers. Measures one contestant in this process, which needs --expose-gc.
 *
 * Phases: all records are made; then a fifth as many are replaced at random, while ordinary garbage is made beside it, as
 * programs do, so that V8 has a reason to collect; then one full collection is asked for.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { statusBytes } from "./measure.js";
import { next, seedOf } from "./random.js";

export interface RecordsAsk {
  readonly contestant: string;
  readonly records: number;
}

export interface RecordsResult {
  /** Nanoseconds per record. */
  readonly make: number;
  readonly replace: number;
  /** Milliseconds in which nothing else ran: the longest collection, all of them, and the full one asked for. */
  readonly longestPause: number;
  readonly allPauses: number;
  readonly fullCollection: number;
  /** Bytes of the whole process. */
  readonly resident: number;
}

interface Store {
  make(index: number): void;
  replace(index: number): void;
}

const FIELDS_BYTES = 32;
const REPLACED = 1 / 5;
/** Numbers in a piece of ordinary garbage. */
const GARBAGE = 8;

/** Where garbage is shown, so that it is not optimized away. */
export let sink: unknown;

const stores: Record<string, (records: number) => Promise<Store>> = {
  heapwright: async (records) => {
    const { free, malloc, write } = await import("../src/index.js");
    const pointers = new Float64Array(records);
    const make = (index: number) => {
      const record = malloc(FIELDS_BYTES);
      write.i32(record, index);
      write.i32(record, 1, 4);
      write.f64(record, index + 0.5, 8);
      write.f64(record, 2.5, 16);
      write.f64(record, 3.5, 24);
      pointers[index] = record;
    };
    const replace = (index: number) => {
      free(pointers[index] as ReturnType<typeof malloc>);
      make(index);
    };
    return { make, replace };
  },
  objects: async (records) => {
    const held: unknown[] = new Array(records).fill(null);
    const make = (index: number) => {
      held[index] = { id: index, kind: 1, x: index + 0.5, y: 2.5, z: 3.5 };
    };
    return { make, replace: make };
  },
  "typed arrays": async (records) => {
    const held: Float64Array[] = new Array(records).fill(null as never);
    const make = (index: number) => {
      const record = new Float64Array(FIELDS_BYTES / 8);
      record[0] = index;
      record[1] = index + 0.5;
      record[2] = 2.5;
      record[3] = 3.5;
      held[index] = record;
    };
    return { make, replace: make };
  },
  "one typed array": async (records) => {
    const fields = FIELDS_BYTES / 8;
    const held = new Float64Array(records * fields);
    const make = (index: number) => {
      const at = index * fields;
      held[at] = index;
      held[at + 1] = index + 0.5;
      held[at + 2] = 2.5;
      held[at + 3] = 3.5;
    };
    return { make, replace: make };
  },
};

export async function measureRecords({ contestant, records }: RecordsAsk): Promise<RecordsResult> {
  const store = await stores[contestant]!(records);
  const pauses: number[] = [];
  const note = (entries: readonly { duration: number }[]) => {
    for (const { duration } of entries) pauses.push(duration);
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  const make = timed(records, (i) => store.make(i));
  const replace = churn(store, records);
  const resident = statusBytes("VmRSS");
  await setImmediate();
  note(observer.takeRecords());
  observer.disconnect();
  const start = performance.now();
  global.gc!();
  const fullCollection = performance.now() - start;
  return {
    make,
    replace,
    longestPause: Math.max(0, ...pauses),
    allPauses: pauses.reduce((sum, pause) => sum + pause, 0),
    fullCollection,
    resident,
  };
}

/** Nanoseconds per step. */
function timed(steps: number, step: (index: number) => void): number {
  const start = performance.now();
  for (let i = 0; i < steps; i++) step(i);
  return ((performance.now() - start) * 1e6) / steps;
}

function churn(store: Store, records: number): number {
  let state = seedOf(0);
  return timed(Math.round(records * REPLACED), () => {
    state = next(state);
    store.replace((state >>> 0) % records);
    sink = new Array(GARBAGE).fill(state);
  });
}
