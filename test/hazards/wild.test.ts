/**
 * Pointers that the heap never gave out are refused before anything at them is read: in a process of their own, since
 * reading one would end it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings, untilShown } from "../support/child.js";

const program = new URL("./programs/wild.ts", import.meta.url);

const PLACES = [
  "the whole address space",
  "below 4 GiB",
  "the window",
  "just around the window",
  "the end of the window",
  "edges",
  "the control block",
  "every word of the control block",
  "the heap record",
  "the segments",
  "the ends of segments, fences too",
  "the fronts of large blocks",
  "the ends of large blocks",
  "forged headers",
];

async function refusesAll(env: Record<string, string>): Promise<number> {
  const found = await findings<{ refused: Record<string, number>; segments: number }>(program, { env });
  for (const place of PLACES) {
    assert.ok(found.refused[place]! > 10, `${found.refused[place]} pointers into ${place}`);
  }
  return found.segments;
}

test("wild pointers, beside full segments", async () => {
  const run = () => refusesAll({ HEAPWRIGHT_RESERVE: "8M" });
  const segments = await untilShown(run, (found) => found > 1);
  assert.ok(segments > 1, "there is a full segment, with a fence");
});

test("wild pointers, with mapped segments alone", async () => {
  await refusesAll({ HEAPWRIGHT_RESERVE: "0" });
});

test.run();
