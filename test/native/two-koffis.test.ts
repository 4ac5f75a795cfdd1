/**
 * A program that has a koffi of its own beside heapwright's: function pointers are made by the copy that it says, and
 * refused where it says nothing. In a process of its own: called through the wrong copy they would end it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { ENOMEM } from "./c.js";

interface Found {
  unsaid: string;
  old: string;
  none: string;
  isOther: boolean;
  throughOther: object;
  throughOwn: object;
  again: object;
}

test("with two copies of koffi the program says which one calls the library", async () => {
  const found = await findings<Found>(new URL("./programs/two-koffis.ts", import.meta.url));
  assert.ok(found.isOther);
  assert.match(
    found.unsaid,
    /^ERR_INVALID_STATE: .*more than one copy of koffi .* nativeAllocator\(\{ koffi \}\)/,
  );
  assert.match(found.old, /^ERR_INVALID_ARG: .* version 3, got version 2\.16\.0/);
  assert.match(found.none, /^ERR_INVALID_ARG: .* got "koffi"/);
  const used = { distinct: 200, held: 200, left: 0, tooMuch: 0, errno: ENOMEM };
  assert.equal([found.throughOther, found.throughOwn, found.again], [used, used, used]);
});

test.run();
