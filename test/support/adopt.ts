/**
 * Adoption for its own sake, where a thread would adopt because it needs memory.
 */
import type { ThreadHeap } from "../../src/heap/heap.js";
import type { AdoptedHeaps } from "../../src/process/adopt.js";
import { allOrphans, Kind, setKind } from "../../src/shared/heaps.js";

/** Has the thread with this own heap adopt one orphan; null when there is none. */
export function adopt(heap: ThreadHeap): ThreadHeap | null {
  const others = heap.others as AdoptedHeaps;
  for (const entry of allOrphans(heap.window, heap.wilderness.os.threads)) {
    const adopted = others.adopt(entry);
    if (adopted === null) continue;
    setKind(heap.words, entry, Kind.thread);
    return adopted;
  }
  return null;
}
