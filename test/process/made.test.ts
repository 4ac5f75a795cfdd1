/**
 * What made heaps take beside their blocks: against the limit, and after their end.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { FIRST_BLOCK } from "../../src/heap/record.js";
import { WORD_BYTES } from "../../src/memory/memory.js";
import { charged, fakeHeap, footprintPages, limitTo, verify } from "../support/fake-heap.js";
import { PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

const PAGES = Math.ceil((FIRST_BLOCK * WORD_BYTES) / PAGE);

function blockIn(heap: ThreadHeap): void {
  const pointer = heap.allocate(100);
  assert.is.not(pointer, 0);
  assert.is.not(heap.liveBlock(pointer), 0);
}

test("one that was destroyed keeps a page, which trim() leaves alone, and works as before when it is made again", () => {
  const of = fakeHeap();
  const others = of.heap.others!;
  const before = footprintPages(of);
  for (let again = 0; again < 3; again++) {
    const heaps = [1, 2, 3].map((name) => others.make(`${name}`, 0));
    for (const heap of heaps) blockIn(heap);
    for (const heap of heaps) verify({ ...of, heap });
    for (const heap of heaps) others.destroy(heap);
    assert.is(footprintPages(of), before + heaps.length);
    assert.is(others.trim(), 0);
    assert.is(footprintPages(of), before + heaps.length);
    verify(of);
  }
});

test("where the kernel takes no pages back, all of them stay in the account", () => {
  const of = fakeHeap();
  const before = charged(of);
  const made = of.heap.others!.make("made", 0);
  of.os.refused.add("discard");
  of.heap.others!.destroy(made);
  assert.is(charged(of), before + PAGES);
  of.os.refused.delete("discard");
  verify(of);
});

test("the limit is one for their records too", () => {
  const of = fakeHeap();
  const others = of.heap.others!;
  limitTo(of, PAGES - 1);
  throwsHeapError(
    () => others.make("made", 0),
    "ERR_OUT_OF_MEMORY",
    /no room for its \d+ bytes of lists; the limit is \d+/,
  );
  verify(of);
  limitTo(of, PAGES);
  const made = others.make("made", 0);
  assert.is(made.allocate(8000), 0);
  others.destroy(made);
  limitTo(of, PAGES - 2);
  throwsHeapError(() => others.make("again", 0), "ERR_OUT_OF_MEMORY");
  limitTo(of, PAGES - 1); // it has one still
  others.make("again", 0);
  verify(of);
});

test("a destroyed one that a thread adopts serves it", () => {
  const of = fakeHeap();
  const others = of.heap.others!;
  others.destroy(others.make("made", 0));
  const adopted = others.allocate(100);
  assert.is.not(adopted, 0);
  verify(of);
  for (const heap of others.heaps) verify({ ...of, heap });
});

test.run();
