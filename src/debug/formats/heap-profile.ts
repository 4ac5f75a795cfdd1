/**
 * `.heapprofile`: the sampling heap profile of V8, as Chrome's DevTools and VS Code read it.
 */
import type { ProfileData } from "../profile-data.js";
import { type CallNode, type Sum, treeOf } from "./tree.js";

/** A node as V8 writes it. Lines and columns begin at 0; -1 is unknown. */
interface HeapProfileNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly scriptId: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly selfSize: number;
  readonly id: number;
  readonly children: readonly HeapProfileNode[];
}

export function heapProfileOf(data: ProfileData, sum: Sum): string {
  const scripts = new Map<string, number>();
  const samples: { size: number; nodeId: number; ordinal: number }[] = [];
  let nodes = 0;
  const write = ({ frame, self, children }: CallNode): HeapProfileNode => {
    const {
      function: functionName,
      file,
      line,
      column,
    } = frame ?? { function: "(root)", file: "", line: 0, column: 0 };
    if (!scripts.has(file)) scripts.set(file, scripts.size);
    const callFrame = {
      functionName,
      scriptId: String(scripts.get(file)),
      url: urlOf(file),
      lineNumber: line - 1,
      columnNumber: column - 1,
    };
    const id = ++nodes;
    const selfSize = Math.round(self[sum]);
    if (selfSize > 0) samples.push({ size: selfSize, nodeId: id, ordinal: samples.length + 1 });
    return { callFrame, selfSize, id, children: children.map(write) };
  };
  const head = write(treeOf(data.samples));
  const [startTime, endTime] = [data.startTime / 1000, (data.startTime + data.durationMs) / 1000];
  return JSON.stringify({ head, samples, startTime, endTime });
}

/** DevTools shows the name of a URL's file, and of a path nothing. */
function urlOf(file: string): string {
  return file.startsWith("/") ? `file://${file}` : file;
}
