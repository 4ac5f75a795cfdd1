/** Clients: programs that nobody tuned for this heap, recorded from C or written in JavaScript. */
import type { Figure } from "../compare.js";
import type { Effort } from "../effort.js";
import { buildNative } from "../native/build.js";
import type { Node } from "../options.js";
import { traceNames } from "../trace.js";
import { recordedRows } from "./recorded.js";
import { programNames, writtenRows } from "./written.js";

/** `only` these recordings and programs, or all when there are none. */
export async function clientsFigure(effort: Effort, node: Node, only: readonly string[]): Promise<Figure> {
  const chosen = (name: string) => only.length === 0 || only.includes(name);
  const native = buildNative();
  return {
    name: "clients",
    title: `Clients, Node ${node.version}`,
    notes: [
      ...(native.program === null ? [native.reason] : []),
      `Recorded programs: ns per operation (malloc, calloc, realloc, free), the fastest of ${effort.passes} passes in a ` +
        "process of its own. One switch in one loop, here and in C; every page of a new block is touched, except " +
        "through koffi, which favours libc there.",
      "Peak footprint: stats().peakFootprint after one pass beside the most that glibc's process grew by in its first pass, " +
        "for glibc does not say what it holds, and a process of Node grows by what V8 compiles as well. Resident at peak " +
        "is what the kernel holds in the range of heapwright's blocks when live bytes peak: a check on the former.",
      "Programs (bench/clients/programs.mjs and more-programs.mjs): one job in a process of its own, its first run and the " +
        "best of eleven more, beside the same on JavaScript objects, and by hand on one DataView, which allocates nothing.",
      "All: the geometric mean of each round.",
    ],
    comparisons: [
      ...recordedRows(traceNames.filter(chosen), effort, node, native.program),
      ...(await writtenRows(programNames.filter(chosen), effort, node)),
    ],
  };
}
