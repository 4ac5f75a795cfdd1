/**
 * All who give memory to a workload, by name. They are imported on demand: a process that times libc must not load
 * heapwright, which takes the range that libc's heap would grow into.
 */
import type { Allocator } from "./allocator.js";

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
