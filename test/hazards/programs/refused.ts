/**
 * Program: the library where sbrk is refused for good, or is not to be asked, or is loaded by a worker first.
 *
 *   refused.ts blocked|none      none: nothing is prepared
 */
import { testSeed } from "../../support/seed.js";
import { blockBreak, sbrk } from "./libc.js";
import { tell } from "./proc.js";
import { type Library, Workload } from "./workload.js";

export async function refusedRun(mode: string): Promise<object> {
  if (mode === "blocked") blockBreak();
  const before = sbrk(0);
  const lib: Library = await import("../../../src/index.js");
  const broke = sbrk(0) - before;
  const workload = new Workload(lib, {
    seed: testSeed(`refused ${mode}`),
    steps: 12_000,
    liveBytes: 40e6,
    largest: 400_000,
  });
  const { refused } = workload.run();
  const busy = lib.stats();
  workload.freeHalf();
  lib.check();
  workload.run();
  workload.freeAll();
  lib.trim();
  const idle = lib.stats();
  return { refused, broke, movedLater: sbrk(0) - before - broke, busy, idle };
}

const [mode] = process.argv.slice(2);
if (mode !== undefined) tell(await refusedRun(mode));
