/**
 * What a fresh process sees: loading, then the first pass over a trace, with the clock read on the way. In this process,
 * which has loaded and allocated nothing of the contestant's before.
 *
 * The loop is the plain one of replay.ts, without touching: an address that koffi returned cannot be touched cheaply, and a
 * call of something that does nothing would be a part of the first thousand calls. The trace comes unpacked, and no
 * copy of it is made: pages that were used before and given back would be libc's gain.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Block, Slots } from "./allocators/allocator.js";
import { OP, type Records, recordsOf } from "./trace.js";

export interface ColdAsk {
  readonly contestant: string;
  readonly trace: string;
  /** The trace, unpacked. */
  readonly file: string;
  /** Numbers of operations after which the clock is read, ascending; the last is the whole pass. */
  readonly marks: readonly number[];
}

/** Milliseconds. */
export interface ColdResult {
  readonly load: number;
  /** By mark: from the first operation on. */
  readonly passed: readonly number[];
}

/** C's five functions, for addresses or for objects that stand for them. */
interface Client {
  /** Stands for no block. */
  readonly none: Block;
  malloc(size: number): Block;
  calloc(count: number, size: number): Block;
  realloc(block: Block, size: number): Block;
  alignedAlloc(alignment: number, size: number): Block;
  free(block: Block): unknown;
}

/** A resize needs the old length: whoever uses koffi.alloc keeps it beside the pointer. */
interface Sized {
  readonly at: unknown;
  readonly bytes: number;
}

type Koffi = typeof import("koffi").default;

const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE, aligned: ALIGNED } = OP;

/** How each contestant is loaded, as a program would: koffi by require, which takes less than an import. */
const clients: Record<string, () => Client | Promise<Client>> = {
  heapwright: async () => {
    const { malloc, calloc, realloc, alignedAlloc, free } = await import("../src/index.js");
    return { none: 0, malloc, calloc, realloc, alignedAlloc, free };
  },
  "libc through koffi": () => {
    const libc = loadKoffi().load(null);
    return {
      none: 0,
      malloc: libc.func("uintptr_t malloc(size_t)"),
      calloc: libc.func("uintptr_t calloc(size_t, size_t)"),
      realloc: libc.func("uintptr_t realloc(uintptr_t, size_t)"),
      alignedAlloc: libc.func("uintptr_t aligned_alloc(size_t, size_t)"),
      free: libc.func("void free(uintptr_t)"),
    };
  },
  "new Uint8Array": () => {
    const malloc = (size: number) => new Uint8Array(size);
    return {
      none: null,
      malloc,
      calloc: (_count, size) => malloc(size),
      realloc(block: Uint8Array, size): Uint8Array {
        const moved = malloc(size);
        moved.set(size < block.length ? block.subarray(0, size) : block);
        return moved;
      },
      alignedAlloc: (_alignment, size) => malloc(size),
      free: () => {},
    };
  },
  "koffi.alloc": () => {
    const koffi = loadKoffi();
    const memcpy = koffi.load(null).func("void *memcpy(void *, void *, size_t)");
    const malloc = (size: number): Sized => ({ at: koffi.alloc("uint8_t", Math.max(1, size)), bytes: size });
    return {
      none: null,
      malloc,
      calloc: (_count, size) => malloc(size),
      realloc({ at, bytes }: Sized, size): Sized {
        const moved = malloc(size);
        memcpy(moved.at, at, Math.min(bytes, size));
        koffi.free(at);
        return moved;
      },
      alignedAlloc: (_alignment, size) => malloc(size),
      free: (block: Sized) => koffi.free(block.at),
    };
  },
};

/** The contestants' names, ours first. */
export const coldContestants: readonly string[] = Object.keys(clients);

function loadKoffi(): Koffi {
  return createRequire(import.meta.url)("koffi") as Koffi;
}

export async function measureCold({ contestant, trace, file, marks }: ColdAsk): Promise<ColdResult> {
  const load = clients[contestant];
  if (load === undefined) throw new Error(`no contestant "${contestant}"`);
  const records = recordsOf(trace, readFileSync(file));
  const start = performance.now();
  const client = await load();
  const loaded = performance.now() - start;
  const slots: Slots =
    client.none === 0 ? new Float64Array(records.blocks) : new Array(records.blocks).fill(client.none);
  const passed: number[] = [];
  let from = 0;
  const first = performance.now();
  for (const to of marks) {
    run(records, slots, client, from, to);
    passed.push(performance.now() - first);
    from = to;
  }
  return { load: loaded, passed };
}

function run(
  { op, log2align, id, size }: Records,
  slots: Slots,
  { malloc, calloc, realloc, alignedAlloc, free, none }: Client,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const block = id[i]!;
    const bytes = size[i]!;
    switch (op[i]) {
      case MALLOC:
        slots[block] = malloc(bytes);
        break;
      case CALLOC:
        slots[block] = calloc(1, bytes);
        break;
      case REALLOC:
        slots[block] = realloc(slots[block], bytes);
        break;
      case FREE:
        free(slots[block]);
        slots[block] = none;
        break;
      case ALIGNED:
        slots[block] = alignedAlloc(2 ** log2align[i]!, bytes);
        break;
    }
  }
}
