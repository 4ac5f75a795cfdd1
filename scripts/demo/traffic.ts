/**
 * 1, 2 and more workers at once: what an operation costs, who frees, and what goes back in the end.
 */
import { cpus } from "node:os";
import { check, stats, trim } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { endAll, start } from "./crew.js";
import { count, line, mebibytes, say, table } from "./page.js";
import { same, verify } from "./proof.js";
import { RING_BYTES } from "./ring.js";

const OPERATIONS = 1_000_000;
const WARM_UP = 200_000;
const CREWS = [1, 2, 4] as const;

export const traffic: Chapter = {
  title: "Several workers at once",
  async run() {
    await endAll();
    trim();
    say(
      `Each worker frees and allocates ${count(OPERATIONS)} blocks of 16 to 527 bytes in random order. Where there ` +
        "are several, one block of eight goes to the next worker, which frees it. In the end the workers are " +
        `terminated, and trim() gives back what their heaps hold. This machine has ${cpus().length} processors:`,
    );
    const rows: string[][] = [];
    for (const workers of CREWS) rows.push(await measure(workers));
    table(HEADINGS, rows);
    line();
    say(
      "An operation is a free and a malloc; its time is that of all workers together, divided by their operations.",
    );
  },
};

const HEADINGS = [
  " workers",
  " ns per operation",
  " freed by the owner",
  " by another",
  " footprint",
  " given back",
];

async function measure(workers: number): Promise<string[]> {
  const crew = Array.from({ length: workers }, (_, index) => start(`worker ${index + 1} of ${workers}`));
  const rings = crew.map(() => (workers > 1 ? new SharedArrayBuffer(RING_BYTES) : null));
  await Promise.all(crew.map((member) => member.ask("traffic", WARM_UP, null, null)));
  const before = stats();
  const results = await Promise.all(
    crew.map((member, k) => member.ask("traffic", OPERATIONS, rings[k]!, rings[(k + 1) % workers]!)),
  );
  const late = await Promise.all(
    crew.map((member, k) => (rings[k] === null ? 0 : member.ask("takeIn", rings[k]!))),
  );
  const after = stats();
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const own = sum(results.map(({ freedOwn }) => freedOwn));
  const others = sum(results.map(({ freedOthers }) => freedOthers)) + sum(late);
  same("the blocks allocated, and those freed", own + others, workers * OPERATIONS);
  same("the blocks freed by another thread", after.remoteFrees - before.remoteFrees, others);
  same("the blocks in use", after.blocks, 0);
  await endAll();
  verify(stats().orphans >= workers, "the heaps of the workers wait for others");
  const given = trim();
  verify(given > 0, "trim() gives something back");
  check();
  const milliseconds = Math.max(...results.map((result) => result.milliseconds));
  return [
    String(workers),
    ((milliseconds * 1e6) / (workers * OPERATIONS)).toFixed(1),
    count(own),
    count(others),
    mebibytes(after.footprint),
    mebibytes(given),
  ];
}
