/**
 * Program: a scenario that takes each step of the heap at least once, and tells where. HEAPWRIGHT_TRACE decides
 * whether the steps are printed.
 *
 *   traced.ts off|function   function: a trace function collects the steps
 */
import type { Pointer, TraceEvent } from "../../../src/index.js";
import * as lib from "../../../src/index.js";
import { tell } from "./proc.js";

const events: TraceEvent[] = [];
if (process.argv[2] === "function") lib.configure({ trace: (event) => events.push({ ...event }) });

const places: Record<string, number> = {};
function note(name: string, pointer: Pointer): Pointer {
  places[name] = pointer;
  return pointer;
}

const small = note("malloc", lib.malloc(100));
note("malloc nothing", lib.malloc(0));
note("calloc", lib.calloc(10, 20));
note("aligned", lib.alignedAlloc(256, 300));
note("calloc large", lib.calloc(1, 700_000));
note("aligned large", lib.alignedAlloc(65_536, 600_000));
lib.free(small);
note("reused", lib.malloc(100));

const row = [30_000, 32_000, 20_000, 34_000, 36_000, 20_000].map((size, i) =>
  note(`row ${i}`, lib.malloc(size)),
);
lib.free(row[0]!);
lib.free(row[1]!); // joins the one below
lib.free(row[4]!);
lib.free(row[3]!); // joins the one above
note("split", lib.malloc(25_000));
const shrunk = note("shrunk", lib.malloc(90_000));
lib.realloc(shrunk, 40_000);
note("regrown", lib.realloc(shrunk, 60_000));

const large = note("mmap", lib.malloc(500_000));
note("in the way", lib.malloc(500_000));
const moved = note("mremap", lib.realloc(large, 900_000));
lib.free(moved);

const many = Array.from({ length: 40 }, (_, i) => note(`many ${i}`, lib.malloc(100_000)));
for (const pointer of many) lib.free(pointer);
note("realloc of NULL", lib.realloc(lib.NULL, 70));
const trimmed = lib.trim();
const made = new lib.Heap();
note("of a Heap", made.malloc(60));
const above = new lib.Heap();
above.malloc(60); // so that the segment of the first one cannot grow
for (let i = 0; i < 20; i++) note("last of a Heap", made.malloc(100_000));
made.destroy();
lib.configure({ trace: false });
lib.free(lib.malloc(50));
lib.check();
tell({ places, trimmed, events });
