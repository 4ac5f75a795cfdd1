/**
 * The example of a map that threads share: runs, and leaves nothing behind.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "./support/child.js";

test("one worker writes, two read what it writes as it comes", async () => {
  const program = new URL("../scripts/shared-map.ts", import.meta.url);
  const { code, stdout, stderr } = await runProgram(program, { args: ["3500"] });
  assert.is(stderr, "");
  assert.is(code, 0);
  assert.match(stdout, /^3500 records in \d+ bytes, written by one worker and read by two\n0 bytes are left/);
});

test.run();
