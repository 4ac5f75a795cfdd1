/**
 * A made-up profile for tests of formats: its truth is known. Sums are no whole numbers, as those of a sampler are not.
 */
import type { Frame, ProfileData, Sample } from "../../src/debug/profile-data.js";
import type { Random } from "../support/seed.js";

const NAMES = ["main", "parse", "Arena.malloc", "", "makeRecord", "</script><b>evil</b>", "läuft"];
const FILES = ["/app/main.js", "/app/with space/parse.ts", "file:///app/lib.mjs", "node:events", ""];

export function someProfile(random: Random, stacks = 200): ProfileData {
  const frame = (): Frame => {
    const file = random.pick(FILES);
    const known = file === "" ? 0 : 1;
    return {
      function: random.pick(NAMES),
      file,
      line: known * random.int(1, 9),
      column: known * random.int(1, 3),
    };
  };
  const samples = Array.from({ length: stacks }, (): Sample => {
    const share = random.pick([0, 0.25, 1]);
    const [allocatedBytes, allocatedCount] = [random.int(1, 1_000_000) / 3, random.int(1, 1000) / 7];
    return {
      stack: Array.from({ length: random.int(0, 9) }, frame),
      ...{
        allocatedBytes,
        allocatedCount,
        liveBytes: allocatedBytes * share,
        liveCount: allocatedCount * share,
      },
    };
  });
  return { every: 524_288, startTime: 1_700_000_000_123, durationMs: 4567.5, samples };
}
