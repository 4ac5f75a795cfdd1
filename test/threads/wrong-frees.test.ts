/**
 * Blocks that two threads free: one of them is told so, and nothing else is touched.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";

type Codes = Record<string, number>;
const SEVERAL = 60;

function scene<T>(name: string): Promise<T> {
  return findings<T>(compiled("wrong-frees"), { args: [name] });
}

test("of two threads that free the same block at once, exactly one does", async () => {
  const { codes, blocks } = await scene<{ codes: Codes[]; blocks: number }>("at once");
  const [one, other] = codes as [Codes, Codes];
  assert.is(one.freed! + other.freed!, blocks);
  assert.is(one.ERR_DOUBLE_FREE! + other.ERR_DOUBLE_FREE!, blocks);
  assert.ok(one.freed! > 0 && other.freed! > 0, "they were at it at the same time");
});

test("when one of them owns it, and it is joined at once: exactly one does", async () => {
  const { codes, blocks } = await scene<{ codes: Codes[]; blocks: number }>("with the owner");
  const [own, other] = codes as [Codes, Codes];
  assert.is(own.freed! + other.freed!, blocks);
  const refused = (of: Codes) => (of.ERR_DOUBLE_FREE ?? 0) + (of.ERR_INVALID_POINTER ?? 0);
  assert.is(refused(own) + refused(other), blocks);
  assert.ok(own.freed! > 0 && other.freed! > 0, "they were at it at the same time");
});

test("the owner is told when another thread freed its block before", async () => {
  assert.equal(await scene("owner after other"), { codes: { ERR_DOUBLE_FREE: SEVERAL } });
});

test("also when the other thread has given its pages back: the block need not be one any more", async () => {
  const { codes } = await scene<{ codes: Codes }>("owner after another one that trimmed");
  assert.is(codes.freed, undefined);
  assert.is((codes.ERR_DOUBLE_FREE ?? 0) + (codes.ERR_INVALID_POINTER ?? 0), SEVERAL);
});

test("another thread is told when the owner freed its block before", async () => {
  assert.equal(await scene("other after owner"), { codes: { ERR_DOUBLE_FREE: SEVERAL } });
});

test("blocks of a thread that ended can be freed once", async () => {
  const found = await scene<Record<"first" | "second" | "later", Codes>>("of the dead");
  assert.equal(found.first, { ERR_DOUBLE_FREE: SEVERAL / 2, freed: SEVERAL / 2 });
  assert.equal(found.second, { ERR_DOUBLE_FREE: SEVERAL });
  assert.is(found.later.freed, undefined);
  assert.is((found.later.ERR_DOUBLE_FREE ?? 0) + (found.later.ERR_INVALID_POINTER ?? 0), SEVERAL);
});

test.run();
