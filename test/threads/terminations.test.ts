/**
 * Workers that are ended at moments of chance, in the middle of whatever the library does.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";
import { IN_HAND } from "./programs/in-hand.js";
import type { Findings } from "./programs/terminations.js";

const MIB = 2 ** 20;
/** A quarter of a second of a processor each. HEAPWRIGHT_TEST_THREADS asks for more of them. */
const TERMINATED = Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 200);

test(`${TERMINATED} workers are terminated, and nobody else notices`, async () => {
  const found = await findings<Findings & Stats>(compiled("terminations"), {
    args: [String(TERMINATED)],
    env: { HEAPWRIGHT_MMAP_THRESHOLD: "131072" }, // freed mappings go at once, so that the bound below can be tight
    limitMs: 60_000 + TERMINATED * 1000,
  });
  const { terminated, others, lost, lostBytes, highestFootprint } = found;
  assert.is(terminated, TERMINATED);
  assert.ok(others > TERMINATED / 50, `${others} ended by themselves`); // a tenth of all, more or less
  assert.ok(
    lost <= (terminated + others + 4) * IN_HAND,
    `${lost} blocks were in the hands of those that ended`,
  );
  // Four workers hold 60 blocks each, of 400 KB at the most, and 150 more are on their way.
  assert.ok(highestFootprint < lostBytes + 64 * MIB, `${highestFootprint} bytes, and ${lostBytes} in hands`);
});

test.run();
