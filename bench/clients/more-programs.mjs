// More programs, beside the same on JavaScript objects: what reaches many fields in one function, and what walks typed arrays
// and strings. Called as programs.mjs is: node more-programs.mjs NAME heap|objects, with PROJECT as the folder of dist/.
import { main } from "./programs.mjs";

/** Numbers that look random, the same in each run. */
function numbers() {
  let state = 987654321;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

const ENTRIES = 1000;
const LOOKUPS = 100_000;

/** A cache of the entries used last: a Map of keys, and a list of entries in the order of their use. */
const lru = {
  objects() {
    const next = numbers();
    const entries = new Map();
    let first = null;
    let last = null;
    const unlink = (entry) => {
      if (entry.before === null) first = entry.after;
      else entry.before.after = entry.after;
      if (entry.after === null) last = entry.before;
      else entry.after.before = entry.before;
    };
    const putFirst = (entry) => {
      entry.before = null;
      entry.after = first;
      if (first === null) last = entry;
      else first.before = entry;
      first = entry;
    };
    for (let i = 0; i < LOOKUPS; i++) {
      const key = next() % (2 * ENTRIES);
      let entry = entries.get(key);
      if (entry !== undefined) {
        entry.value += 1;
        unlink(entry);
      } else {
        if (entries.size === ENTRIES) {
          entries.delete(last.key);
          unlink(last);
        }
        entry = { key, value: i, before: null, after: null };
        entries.set(key, entry);
      }
      putFirst(entry);
    }
    let sum = 0;
    for (let entry = first; entry !== null; entry = entry.after) sum += entry.value;
    return sum;
  },
  heap({ NULL, struct, malloc, free }) {
    const Entry = struct({ key: "u32", value: "f64", before: "pointer", after: "pointer" });
    return () => {
      const next = numbers();
      const entries = new Map();
      let first = NULL;
      let last = NULL;
      const unlink = (pointer) => {
        const entry = Entry.at(pointer);
        if (entry.before === NULL) first = entry.after;
        else Entry.at(entry.before).after = entry.after;
        if (entry.after === NULL) last = entry.before;
        else Entry.at(entry.after).before = entry.before;
      };
      const putFirst = (pointer) => {
        const entry = Entry.at(pointer);
        entry.before = NULL;
        entry.after = first;
        if (first === NULL) last = pointer;
        else Entry.at(first).before = pointer;
        first = pointer;
      };
      for (let i = 0; i < LOOKUPS; i++) {
        const key = next() % (2 * ENTRIES);
        let pointer = entries.get(key);
        if (pointer !== undefined) {
          Entry.at(pointer).value += 1;
          unlink(pointer);
        } else {
          if (entries.size === ENTRIES) {
            const oldest = last;
            entries.delete(Entry.at(oldest).key);
            unlink(oldest);
            free(oldest);
          }
          pointer = malloc(Entry.size);
          const entry = Entry.at(pointer);
          entry.key = key;
          entry.value = i;
          entries.set(key, pointer);
        }
        putFirst(pointer);
      }
      let sum = 0;
      for (let pointer = first; pointer !== NULL; ) {
        const entry = Entry.at(pointer);
        sum += entry.value;
        const after = entry.after;
        free(pointer);
        pointer = after;
      }
      return sum;
    };
  },
};

const TASKS = 20_000;

/** A priority queue: a binary heap of records. */
const queue = {
  objects() {
    const next = numbers();
    const heap = [];
    const swap = (i, j) => {
      const task = heap[i];
      heap[i] = heap[j];
      heap[j] = task;
    };
    const push = (task) => {
      let i = heap.push(task) - 1;
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (heap[parent].priority <= heap[i].priority) break;
        swap(parent, i);
        i = parent;
      }
    };
    const pop = () => {
      swap(0, heap.length - 1);
      const task = heap.pop();
      for (let i = 0; ; ) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1].priority < heap[child].priority) child++;
        if (heap[i].priority <= heap[child].priority) break;
        swap(i, child);
        i = child;
      }
      return task;
    };
    for (let id = 0; id < TASKS; id++) push({ priority: next(), id });
    let sum = 0;
    for (let i = 0; i < TASKS; i++) sum = (sum + pop().id * (i & 15)) % 1e9;
    return sum;
  },
  heap({ struct }) {
    const Task = struct({ priority: "u32", id: "u32" });
    return () => {
      const next = numbers();
      const heap = Task.array(TASKS);
      let length = 0;
      const swap = (i, j) => {
        const one = heap.at(i);
        const other = heap.at(j);
        const { priority, id } = one;
        one.priority = other.priority;
        one.id = other.id;
        other.priority = priority;
        other.id = id;
      };
      const push = (priority, id) => {
        let i = length++;
        const task = heap.at(i);
        task.priority = priority;
        task.id = id;
        while (i > 0) {
          const parent = (i - 1) >> 1;
          if (heap.at(parent).priority <= heap.at(i).priority) break;
          swap(parent, i);
          i = parent;
        }
      };
      const pop = () => {
        swap(0, --length);
        for (let i = 0; ; ) {
          let child = 2 * i + 1;
          if (child >= length) break;
          if (child + 1 < length && heap.at(child + 1).priority < heap.at(child).priority) child++;
          if (heap.at(i).priority <= heap.at(child).priority) break;
          swap(i, child);
          i = child;
        }
        return heap.at(length).id;
      };
      for (let id = 0; id < TASKS; id++) push(next(), id);
      let sum = 0;
      for (let i = 0; i < TASKS; i++) sum = (sum + pop() * (i & 15)) % 1e9;
      heap[Symbol.dispose]();
      return sum;
    };
  },
};

const NODES = 5000;
const EDGES = 40_000;

/** A graph as lists of neighbours that grow, and a walk over it. */
const graph = {
  objects() {
    const next = numbers();
    const neighbours = Array.from({ length: NODES }, () => []);
    for (let i = 0; i < EDGES; i++) {
      const from = (next() >>> 8) % NODES;
      const to = (next() >>> 8) % NODES;
      neighbours[from].push(to);
      neighbours[to].push(from);
    }
    const seen = new Uint8Array(NODES);
    const open = [0];
    let sum = 0;
    seen[0] = 1;
    while (open.length > 0) {
      const node = open.pop();
      sum += node;
      for (const neighbour of neighbours[node]) {
        if (seen[neighbour]) continue;
        seen[neighbour] = 1;
        open.push(neighbour);
      }
    }
    return sum;
  },
  heap({ malloc, realloc, free, typed }) {
    return () => {
      const next = numbers();
      const lists = Array.from({ length: NODES }, () => ({ pointer: malloc(16), length: 0, capacity: 4 }));
      const add = (from, to) => {
        const list = lists[from];
        if (list.length === list.capacity) {
          list.capacity *= 2;
          list.pointer = realloc(list.pointer, list.capacity * 4);
        }
        typed(Uint32Array, list.pointer, list.capacity)[list.length++] = to;
      };
      for (let i = 0; i < EDGES; i++) {
        const from = (next() >>> 8) % NODES;
        const to = (next() >>> 8) % NODES;
        add(from, to);
        add(to, from);
      }
      const seen = new Uint8Array(NODES);
      const open = [0];
      let sum = 0;
      seen[0] = 1;
      while (open.length > 0) {
        const node = open.pop();
        sum += node;
        const { pointer, length } = lists[node];
        for (const neighbour of typed(Uint32Array, pointer, length)) {
          if (seen[neighbour]) continue;
          seen[neighbour] = 1;
          open.push(neighbour);
        }
      }
      for (const { pointer } of lists) free(pointer);
      return sum;
    };
  },
};

const WORDS = 20_000;

/** Words that are kept, counted and measured. */
const strings = {
  objects() {
    const next = numbers();
    const words = [];
    for (let i = 0; i < WORDS; i++) words.push(`word-${next() % 5000}`);
    const counts = new Map();
    let sum = 0;
    for (const word of words) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
      sum += word.length;
    }
    for (const [word, count] of counts) sum += word.charCodeAt(5) * count;
    return sum;
  },
  heap({ cstring, readCString, free }) {
    return () => {
      const next = numbers();
      const words = [];
      for (let i = 0; i < WORDS; i++) words.push(cstring(`word-${next() % 5000}`));
      const counts = new Map();
      let sum = 0;
      for (const pointer of words) {
        const word = readCString(pointer);
        counts.set(word, (counts.get(word) ?? 0) + 1);
        sum += word.length;
      }
      for (const [word, count] of counts) sum += word.charCodeAt(5) * count;
      for (const pointer of words) free(pointer);
      return sum;
    };
  },
};

export const programs = { lru, queue, graph, strings };
if (process.argv[1] === new URL(import.meta.url).pathname) await main(programs, process.argv[1]);
