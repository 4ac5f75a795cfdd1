/**
 * The calls of a profile as a tree: from the outermost call inwards, equal calls of one parent together.
 */
import type { Frame, Sample } from "../profile-data.js";

export type Sum = "liveBytes" | "liveCount" | "allocatedBytes" | "allocatedCount";

export interface CallNode {
  /** null for the root. */
  readonly frame: Frame | null;
  readonly children: CallNode[];
  /** What this very call allocated, without those that it made. */
  readonly self: Record<Sum, number>;
}

/** Nodes while the tree is made. */
interface Growing extends CallNode {
  readonly byKey: Map<string, Growing>;
}

export function treeOf(samples: readonly Sample[]): CallNode {
  const root = newNode(null);
  for (const { stack, liveBytes, liveCount, allocatedBytes, allocatedCount } of samples) {
    let node = root;
    for (let at = stack.length - 1; at >= 0; at--) node = childOf(node, stack[at]!);
    node.self.liveBytes += liveBytes;
    node.self.liveCount += liveCount;
    node.self.allocatedBytes += allocatedBytes;
    node.self.allocatedCount += allocatedCount;
  }
  return root;
}

function newNode(frame: Frame | null): Growing {
  const self = { liveBytes: 0, liveCount: 0, allocatedBytes: 0, allocatedCount: 0 };
  return { frame, children: [], self, byKey: new Map() };
}

function childOf(node: Growing, frame: Frame): Growing {
  const key = keyOf(frame);
  let child = node.byKey.get(key);
  if (child === undefined) {
    child = newNode(frame);
    node.byKey.set(key, child);
    node.children.push(child);
  }
  return child;
}

/** The same for equal frames only. */
export function keyOf({ function: name, file, line, column }: Frame): string {
  return `${line}:${column}:${name.length}:${name}${file}`;
}
