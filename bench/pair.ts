/**
 * One allocation and its release, 64 bytes, as each contestant does it; timed by tinybench.
 *
 * tinybench spends some hundred nanoseconds per iteration on its own account, which would swamp an operation
 * of five. So one iteration is a loop of PAIRS pairs, and what it took is divided by PAIRS.
 *
 * Contestants are imported on demand: a process that times libc must not load heapwright, and a Node program
 * without either has neither.
 */
import type { Arena, Scope } from "../src/index.js";
import { type TimedOptions, timed } from "./timed.js";

export interface PairResult {
  /** ns per pair: the median iteration. Garbage collections seldom fall into it, which favours Buffers. */
  readonly median: number;
  /** ns per pair over all iterations, collections included. */
  readonly mean: number;
}

export const PAIRS = 10_000;
const LEAST_PASSES = 5;
const BYTES = 64;
const MAPPED_BYTES = 1_000_000;
const HELD = 1000;
const USE_ROUNDS = 20;
/** Blocks of one scope. */
const SCOPED = 100;

/** Where results go, exported so that no allocation can be optimized away. */
export let sink: unknown;

/** How each contestant gets ready; what it returns is timed. */
const contestants: Record<string, () => Promise<() => void>> = {
  heapwright: async () => pairsOf(await import("../src/index.js")),
  "heapwright, in use": async () => {
    const library = await import("../src/index.js");
    useHeap(library);
    return pairsOf(library);
  },
  "heapwright, tracing was on": () => afterTracing(false),
  "heapwright, tracing is on": () => afterTracing(true),
  arena: async () => arenaLoop(new (await import("../src/index.js")).Arena()),
  "arena, in use": async () => {
    const arena = new (await import("../src/index.js")).Arena();
    useArena(arena);
    return arenaLoop(arena);
  },
  scope: async () => {
    const { Scope } = await import("../src/index.js");
    return () => {
      for (let i = 0; i < PAIRS; i += SCOPED) scopeOf(new Scope());
    };
  },
  "realloc, mapped": async () => {
    const { malloc, realloc } = await import("../src/index.js");
    let block = malloc(MAPPED_BYTES);
    return () => {
      for (let i = 0; i < PAIRS; i++) block = realloc(block, MAPPED_BYTES - 64 * (i & 1)); // the same pages
    };
  },
  "libc through koffi": async () => pairsOf(await import("./allocators/libc.js")),
  "libc through koffi, in use": async () => {
    const library = await import("./allocators/libc.js");
    useHeap(library);
    return pairsOf(library);
  },
  "koffi.alloc": async () => {
    const { default: koffi } = await import("koffi");
    return () => {
      for (let i = 0; i < PAIRS; i++) koffi.free(koffi.alloc("uint8_t", BYTES));
    };
  },
  "Buffer.allocUnsafeSlow": async () => () => {
    for (let i = 0; i < PAIRS; i++) sink = Buffer.allocUnsafeSlow(BYTES);
  },
  "new Uint8Array": async () => () => {
    for (let i = 0; i < PAIRS; i++) sink = new Uint8Array(BYTES);
  },
};

interface Library<P> {
  malloc(bytes: number): P;
  free(pointer: P): void;
}

function pairsOf<P>({ free, malloc }: Library<P>): () => void {
  return () => {
    for (let i = 0; i < PAIRS; i++) free(malloc(BYTES));
  };
}

/**
 * Some work of another shape than the timed loop's. It takes a library's slow paths, and V8 then compiles the
 * fast ones with them in view: measured without it, a figure is that of a program that does nothing else.
 */
function useHeap<P>({ free, malloc }: Library<P>): void {
  const held: P[] = [];
  for (let round = 0; round < USE_ROUNDS; round++) {
    for (let i = 0; i < HELD; i++) held.push(malloc(BYTES));
    while (held.length > 0) free(held.pop()!);
  }
}

/** Each address is stored: otherwise V8 would compute the last one only. */
function arenaLoop(arena: Arena): () => void {
  const places = new Float64Array(PAIRS);
  sink = places;
  return () => {
    for (let i = 0; i < PAIRS; i++) places[i] = arena.malloc(BYTES);
    arena.reset();
  };
}

/** Other sizes: up to 1 KB, nothing among them, and a few that get chunks of their own. */
function useArena(arena: Arena): void {
  for (let round = 0; round < USE_ROUNDS; round++) {
    for (let i = 0; i < HELD; i++) sink = arena.malloc(i % 50 === 0 ? 20 * i : i);
    arena.reset();
  }
}

function scopeOf(scope: Scope): void {
  for (let i = 0; i < SCOPED; i++) scope.malloc(BYTES);
  scope.dispose();
}

/** The same work, with a tracer that does nothing; which then stays, or is taken away. */
async function afterTracing(stay: boolean): Promise<() => void> {
  const library = await import("../src/index.js");
  useHeap(library);
  library.configure({ trace: () => {} });
  for (let i = 0; i < HELD; i++) library.free(library.malloc(BYTES));
  if (!stay) library.configure({ trace: false });
  return pairsOf(library);
}

/** Times one contestant in this process. */
export async function measurePair(name: string, options: TimedOptions): Promise<PairResult> {
  const prepare = contestants[name];
  if (prepare === undefined) throw new Error(`no contestant "${name}"`);
  const { median, mean } = timed(name, await prepare(), options, LEAST_PASSES);
  return { median: median / PAIRS, mean: mean / PAIRS };
}
