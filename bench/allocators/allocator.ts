/**
 * What a workload needs of whoever gives it memory, and the list of all who do.
 *
 * A workload stores into its blocks where the program that it is named after does, through `touch`, or into one byte
 * of every page through `populate`; the twin in native/ does the same. Where JavaScript has no cheap store (an address
 * that koffi returned, an ArrayBuffer without a view), `touch` does nothing, which favours that contestant.
 *
 * Contestants are imported on demand: a process that times libc must not load heapwright, which takes the range
 * that libc's heap would grow into.
 */

/** An address, an offset, or an object: only its allocator knows. */
export type Block = unknown;

/** A table of blocks. What is not in use holds the allocator's `none`. */
export interface Slots {
  readonly length: number;
  [index: number]: Block;
}

export interface Allocator {
  /** Stands for no block; free is never called with it. */
  readonly none: Block;
  malloc(bytes: number): Block;
  calloc(bytes: number): Block;
  /** From `oldBytes` to `bytes`, contents kept up to the smaller of both. */
  realloc(block: Block, oldBytes: number, bytes: number): Block;
  /** Nothing where the garbage collector does it. */
  free(block: Block): void;
  touch(block: Block, at: number): void;
  /** A block as bytes, for very many stores into one; of those who are in workloads of several threads. */
  bytes?(block: Block, length: number): Uint8Array;
  /** Makes every page resident that the bytes from `from` up to `to` lie in. */
  populate(block: Block, from: number, to: number): void;
  table(length: number): Slots;
}

export const PAGE = 4096;

export const OURS = "heapwright";

const loaders: Record<string, () => Promise<Allocator>> = {
  [OURS]: async () => (await import("./heapwright.js")).heapwright,
  "libc through koffi": async () => (await import("./libc.js")).libc,
  "koffi.alloc": async () => (await import("./koffi.js")).koffiAlloc,
  "@thi.ng/malloc": async () => (await import("./thing.js")).createThing(),
  "WASM malloc": async () => (await import("./wasm.js")).createWasm(),
  "Buffer.allocUnsafe": async () => (await import("./objects.js")).allocUnsafe,
  "Buffer.allocUnsafeSlow": async () => (await import("./objects.js")).allocUnsafeSlow,
  "new Uint8Array": async () => (await import("./objects.js")).uint8Array,
  "new ArrayBuffer": async () => (await import("./objects.js")).arrayBuffer,
};

/** The contestants' names, ours first. */
export const allocatorNames: readonly string[] = Object.keys(loaders);

const loaded = new Map<string, Promise<Allocator>>();

/** The same one each time. */
export function loadAllocator(name: string): Promise<Allocator> {
  const load = loaders[name];
  if (load === undefined) throw new Error(`no allocator "${name}"; there are: ${allocatorNames.join(", ")}`);
  const allocator = loaded.get(name) ?? load();
  loaded.set(name, allocator);
  return allocator;
}
