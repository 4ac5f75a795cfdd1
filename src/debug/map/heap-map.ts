/**
 * heapMap(): writes the map of the heap, as a page or as data to make one of later.
 */
import { writeFileSync } from "node:fs";
import { show, typeError } from "../../errors.js";
import { notedOrigins } from "./origins.js";
import { rendererFor } from "./renderers.js";
import type { HeapSnapshot } from "./saved.js";
import { type OriginLookup, takeSnapshot } from "./snapshot.js";

/** What heapMap.snapshot() takes. */
export interface SnapshotOptions {
  /** What the page calls it; by default its number. */
  readonly label?: string | undefined;
  /**
   * Asked for each live block, until 250,000 are known. Must not allocate from the heap. By default what `leaks` noted is asked, if
   * it is on.
   */
  readonly lookup?: OriginLookup | undefined;
}

/** What heapMap() takes besides the file. */
export interface HeapMapOptions {
  /** The moments to show, with a slider where there are several; by default the one of the call. */
  readonly snapshots?: readonly HeapSnapshot[] | undefined;
  /** As for heapMap.snapshot(); not used with `snapshots`, which have asked already. */
  readonly lookup?: OriginLookup | undefined;
}

/** The type of heapMap. */
export interface HeapMap {
  /** Writes the map to a file. */
  (file: string, options?: HeapMapOptions): void;
  /** This moment of the heap, for heapMap() to show later. Takes some tenths of a second for a million blocks. */
  snapshot(options?: SnapshotOptions): HeapSnapshot;
}

let taken = 0;

function snapshot({ label, lookup }: SnapshotOptions = {}): HeapSnapshot {
  if (lookup !== undefined && typeof lookup !== "function")
    throw typeError(
      "ERR_INVALID_ARG",
      `heapMap: lookup must be a function of a pointer, got ${show(lookup)}`,
    );
  taken++;
  return takeSnapshot(String(label ?? `snapshot ${taken}`), lookup ?? notedOrigins());
}

function write(file: string, options: HeapMapOptions = {}): void {
  const render = rendererFor("heapMap", file);
  const { snapshots = [snapshot({ lookup: options.lookup })] } = options;
  if (!Array.isArray(snapshots) || snapshots.length === 0)
    throw typeError(
      "ERR_INVALID_ARG",
      "heapMap: snapshots must be an array of what heapMap.snapshot() returned",
    );
  writeFileSync(file, render(snapshots));
}

/**
 * Writes a map of the heap to a file: one page that a browser shows without a network. Every segment and every mapping to
 * scale, what is live, cached, free, on its way back, given back, untouched, and whose it is; single blocks on request; how
 * large blocks are; what the footprint is made of. Any thread; blocks of other running threads are included as they are at that
 * moment. With several snapshots the page has a slider. A name that ends in `.json` gets the snapshots as data, of which
 * `npx heapwright map` makes the page. Of a heap of more than a million runs of different blocks the page shows sums.
 *
 * @throws HeapError ERR_INVALID_ARG for a name with another ending, or options of the wrong type; ERR_UNSUPPORTED_PLATFORM
 *   where there is no heap; the error of node:fs when the file cannot be written
 *
 * @example
 * ```ts
 * import { mkdtempSync, rmSync, statSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { free, malloc } from "heapwright";
 * import { heapMap } from "heapwright/debug";
 *
 * const folder = mkdtempSync(join(tmpdir(), "map-"));
 * const blocks = Array.from({ length: 1000 }, (_, i) => malloc(i));
 * const full = heapMap.snapshot({ label: "full" });
 * blocks.forEach(free);
 * const empty = heapMap.snapshot({ label: "empty" });
 * heapMap(join(folder, "heap.html"), { snapshots: [full, empty] });
 * console.log(statSync(join(folder, "heap.html")).size > 10_000); // true
 * rmSync(folder, { recursive: true });
 * ```
 */
export const heapMap: HeapMap = Object.assign(write, { snapshot });
