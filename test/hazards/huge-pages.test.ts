/**
 * Huge pages do not undo a trim: khugepaged would fill them up around each block that is live.
 */
import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const MIB = 2 ** 20;
const SETTING = "/sys/kernel/mm/transparent_hugepage/enabled";
const program = new URL("./programs/huge-pages.ts", import.meta.url);

interface Found {
  setting: string;
  huge: boolean;
  footprint: number;
  trimmed: number;
  collapsed: number;
  later: number;
}

test("what was given back stays away, also where the kernel uses huge pages", async () => {
  if (!existsSync(SETTING)) {
    console.log("this kernel has no huge pages");
    return;
  }
  const { setting, huge, footprint, trimmed, collapsed, later } = await findings<Found>(program);
  if (!huge) console.log(`the heap got no huge pages; the kernel's setting is ${setting.trim()}`);
  assert.ok(trimmed < footprint + 4 * MIB, `${trimmed} bytes are resident, the footprint is ${footprint}`);
  assert.is(collapsed, 0, "huge pages that were made again");
  assert.ok(later < footprint + 4 * MIB, `${later} bytes are resident, the footprint is ${footprint}`);
});

test.run();
