/**
 * Containers of one thread, and what a program has otherwise: JavaScript's own, and typed arrays over a SharedArrayBuffer by
 * hand. Measures one contestant in this process, by tinybench like access.ts; an iteration is a loop over all COUNT elements.
 *
 * By hand means: a fixed number of slots, numbers alone, and no reader beside the writer that could see half an entry.
 */
import { HashMap, StringTable, Vector } from "../src/containers/index.js";
import { typed } from "../src/index.js";
import { type TimedOptions, timed } from "./timed.js";

const COUNT = 20_000;
const LEAST_PASSES = 5;
const SLOTS = 65_536;

/** Where sums go, exported so that no read can be optimized away. */
export let sink = 0;

const keyOf = (i: number) => (Math.imul(i, 0x9e3779b1) >>> 0) % 1_000_003;
const texts = Array.from({ length: COUNT }, (_, i) => `user:${i}:street`);

/** Open addressing over two arrays; a key of 0 is none. */
class ByHand {
  readonly #keys = new Uint32Array(new SharedArrayBuffer(4 * SLOTS));
  readonly #values = new Float64Array(new SharedArrayBuffer(8 * SLOTS));

  set(key: number, value: number): void {
    const slot = this.#slotOf(key + 1);
    this.#values[slot] = value;
    Atomics.store(this.#keys, slot, key + 1);
  }

  get(key: number): number | undefined {
    const slot = this.#slotOf(key + 1);
    return Atomics.load(this.#keys, slot) === 0 ? undefined : this.#values[slot];
  }

  #slotOf(key: number): number {
    let slot = Math.imul(key, 0x9e3779b1) >>> 16;
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) % SLOTS;
    return slot;
  }
}

/** What both kinds of maps can do. */
interface Numbers {
  set(key: number, value: number): unknown;
  get(key: number): number | undefined;
}
interface Texts {
  set(key: string, value: number): unknown;
  get(key: string): number | undefined;
}

function filled<M extends Numbers>(map: M): M {
  for (let i = 0; i < COUNT; i++) map.set(keyOf(i), i);
  return map;
}

function named<M extends Texts>(map: M): M {
  for (let i = 0; i < COUNT; i++) map.set(texts[i]!, i);
  return map;
}

/** As a thread is that does not write: each get() pins. */
function released<K extends "u32" | "string">(map: HashMap<K, "f64">): HashMap<K, "f64"> {
  map.release();
  return map;
}

const setAll = (make: () => Numbers & { free?(): void }) => () => () => {
  const map = filled(make());
  map.free?.();
};
const replaceAll = (make: () => Numbers) => () => {
  const map = filled(make());
  return () => {
    for (let i = 0; i < COUNT; i++) map.set(keyOf(i), i);
  };
};
const getAll = (make: () => Numbers) => () => {
  const map = make();
  return () => {
    let sum = 0;
    for (let i = 0; i < COUNT; i++) sum += map.get(keyOf(i))!;
    sink = sum;
  };
};
const getTexts = (make: () => Texts) => () => {
  const map = make();
  return () => {
    let sum = 0;
    for (let i = 0; i < COUNT; i++) sum += map.get(texts[i]!)!;
    sink = sum;
  };
};
const setTexts = (make: () => Texts & { free?(): void }) => () => () => {
  const map = named(make());
  map.free?.();
};

function numbersIn(): Vector<"f64"> {
  const vector = new Vector("f64");
  for (let i = 0; i < COUNT; i++) vector.push(i);
  return vector;
}

const newNumbers = () => new HashMap("u32", "f64");
const newTexts = () => new HashMap("string", "f64");

/** What is timed, by workload and contestant; each is made where it is asked for, and no other then. */
const contestants: Record<string, () => () => void> = {
  "push: heapwright": () => () => numbersIn().free(),
  "push: Array": () => () => {
    const array: number[] = [];
    for (let i = 0; i < COUNT; i++) array.push(i);
    sink = array.length;
  },
  "read: heapwright": () => {
    const vector = numbersIn();
    return () => {
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += vector.get(i);
      sink = sum;
    };
  },
  "read, by typed(): heapwright": () => {
    const vector = numbersIn();
    return () => {
      const numbers = typed(Float64Array, vector.data, vector.length);
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += numbers[i]!;
      sink = sum;
    };
  },
  "read: Array": () => {
    const array = Array.from({ length: COUNT }, (_, i) => i + 0.5);
    return () => {
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += array[i]!;
      sink = sum;
    };
  },
  "read: SharedArrayBuffer": () => {
    const array = new Float64Array(new SharedArrayBuffer(8 * COUNT));
    return () => {
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += array[i]!;
      sink = sum;
    };
  },
  "set new: heapwright": setAll(newNumbers),
  "set new: Map": setAll(() => new Map()),
  "set new: SharedArrayBuffer": setAll(() => new ByHand()),
  "set again: heapwright": replaceAll(newNumbers),
  "set again: Map": replaceAll(() => new Map()),
  "set again: SharedArrayBuffer": replaceAll(() => new ByHand()),
  "get, writer: heapwright": getAll(() => filled(newNumbers())),
  "get, reader: heapwright": getAll(() => released(filled(newNumbers()))),
  "get, in read(): heapwright": () => {
    const map = released(filled(newNumbers()));
    const all = getAll(() => map)();
    return () => map.read(all);
  },
  "get: Map": getAll(() => filled(new Map())),
  "get: SharedArrayBuffer": getAll(() => filled(new ByHand())),
  "set text: heapwright": setTexts(newTexts),
  "set text: Map": setTexts(() => new Map()),
  "get text: heapwright": getTexts(() => released(named(newTexts()))),
  "get text: Map": getTexts(() => named(new Map())),
  "intern: heapwright": () => {
    const table = new StringTable();
    return () => {
      for (let i = 0; i < COUNT; i++) sink = table.intern(texts[i]!);
    };
  },
};

/** Nanoseconds per element. */
export function measureContainer(name: string, options: TimedOptions): number {
  return timed(name, contestants[name]!(), options, LEAST_PASSES).median / COUNT;
}
