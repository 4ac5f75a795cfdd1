/**
 * Snapshots in a file: JSON that says what it is and of which version.
 */
import { HeapError, show } from "../../errors.js";
import type { HeapSnapshot } from "./saved.js";

const FORMAT = "heapwright map";
/** Of the data, not of the library; raised when an older page could not show it. */
const VERSION = 1;

export function fileTextOf(snapshots: readonly HeapSnapshot[]): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, snapshots });
}

/** @throws HeapError ERR_INVALID_ARG for a text that is no such file, or one of another version */
export function snapshotsIn(text: string, file: string): readonly HeapSnapshot[] {
  const { format, version, snapshots } = contentsOf(text);
  const wrong = (why: string) => new HeapError("ERR_INVALID_ARG", `${file}: ${why}`);
  if (format !== FORMAT)
    throw wrong('no saved map; write one with heapMap("heap.json"), or HEAPWRIGHT_MAP=heap.json');
  if (version !== VERSION)
    throw wrong(
      `a map of version ${show(version)}, and this heapwright reads version ${VERSION}: use the heapwright that wrote it`,
    );
  if (!Array.isArray(snapshots) || snapshots.length === 0 || !snapshots.every(isSnapshot))
    throw wrong("a map whose snapshots are not complete: was it written to its end?");
  return snapshots;
}

function contentsOf(text: string): Partial<Record<"format" | "version" | "snapshots", unknown>> {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function isSnapshot(value: unknown): boolean {
  const { regions, heaps, stats, footprint } = (value ?? {}) as Partial<HeapSnapshot>;
  return (
    Array.isArray(regions) &&
    Array.isArray(heaps) &&
    typeof stats === "object" &&
    typeof footprint === "object"
  );
}
