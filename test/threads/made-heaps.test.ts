/**
 * Heaps that a program makes, in a simulated process: frees by other threads, limits, what becomes of one that was emptied and of
 * one whose thread ended. Deaths in the middle are made-heaps-deaths.test.ts's.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Rec } from "../../src/heap/record.js";
import { checkHeap } from "../../src/heap/verify.js";
import { checkShared } from "../../src/inspect/check-shared.js";
import { Control } from "../../src/memory/control.js";
import { waiting } from "../../src/process/idle-owners.js";
import { claim, entryOf, isOrphan, Kind, kindOf, noteThread, recordOf } from "../../src/shared/heaps.js";
import { sendBack } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { fill, use } from "./made.js";
import { Scene, SURVIVOR, VICTIM } from "./scene.js";

const HEIR = 3;

test("an outbox never holds a block of it, and a second free is refused", () => {
  const scene = new Scene();
  const made = scene.as(SURVIVOR).others!.make("one", 0);
  const pointers = fill(made);
  const other = scene.as(VICTIM);
  for (const pointer of pointers) {
    assert.ok(sendBack(other, pointer));
    assert.not(sendBack(other, pointer));
  }
  scene.as(SURVIVOR);
  scene.survivor.heap.others!.destroy(made);
  scene.as(VICTIM).outbox.flush();
  assert.is(scene.survivor.m[made.record + Rec.inbox], 0);
  for (const pointer of pointers) assert.not(sendBack(other, pointer), "refused once it was emptied");
  scene.verdict(0);
});

test("what others freed is used again before the heap grows beyond an eighth more", () => {
  const scene = new Scene();
  const made = scene.as(SURVIVOR).others!.make("ring", 0);
  let most = 0;
  for (let round = 0; round < 60; round++) {
    const pointers = Array.from({ length: 500 }, () => scene.as(SURVIVOR) && made.allocate(1000));
    const other = scene.as(VICTIM);
    for (const pointer of pointers) assert.ok(sendBack(other, pointer));
    const footprint = made.footprint();
    if (round === 20) most = footprint;
    if (round > 20) assert.ok(footprint <= most, `${footprint} after ${round} rounds, ${most} after 20`);
  }
  scene.as(SURVIVOR);
  assert.ok(most < 2 * 500 * 1016, `${most} bytes for 508,000`);
  checkHeap(made);
});

test("what waits for the owner of one is named as its thread's, and asked of it", () => {
  const scene = new Scene();
  const owner = scene.as(VICTIM);
  noteThread(owner.words, owner.words[owner.record + Rec.entry]!, 7);
  const made = owner.others!.make("guest", 0);
  const pointers = Array.from({ length: 100 }, () => made.allocate(1000));
  const own = owner.allocate(1000);
  const heap = scene.as(SURVIVOR);
  for (const pointer of [...pointers, own]) assert.ok(sendBack(heap, pointer));
  heap.outbox.flush();
  assert.equal(waiting(heap.window, scene.os), [{ thread: 7, bytes: 101 * 1008 }]);
  scene.as(VICTIM);
  assert.ok(made.hasReturned);
  made.drain();
  owner.drain();
  assert.not(made.hasReturned);
  scene.as(SURVIVOR);
  assert.equal(waiting(heap.window, scene.os), []);
});

test("a thread that has one hands nothing over; without any it does", () => {
  const scene = new Scene();
  const heap = scene.as(VICTIM);
  const made = heap.others!.make("stays", 0);
  assert.not(heap.others!.abandonAll(heap));
  assert.not(heap.isAbandoned);
  heap.others!.destroy(made);
  assert.ok(heap.others!.abandonAll(heap));
  assert.ok(heap.isAbandoned);
  heap.enter(); // takes one again
  heap.open();
  assert.is(kindOf(heap.words, heap.words[heap.record + Rec.entry]!), Kind.thread);
  scene.as(SURVIVOR);
  scene.verdict(0);
});

test("a limit holds to the page, for small blocks and large ones, and only for its own heap", () => {
  for (const size of [100, 8000, 300_000]) {
    const scene = new Scene();
    const heap = scene.as(SURVIVOR);
    const pages = 512;
    const made = heap.others!.make("limited", pages);
    let bytes = 0;
    while (made.allocate(size) !== 0) bytes += (size + 23) & ~15; // with its header
    assert.ok(made.footprint() <= pages * PAGE, `${made.footprint()} of ${pages * PAGE}`);
    assert.ok(
      bytes > pages * PAGE - size - 20 * PAGE,
      `${bytes} of ${pages * PAGE} bytes with blocks of ${size}`,
    );
    for (let i = 0; i < 10; i++) assert.is.not(heap.allocate(size), 0);
    assert.is.not(heap.others!.make("other", pages).allocate(size), 0);
    checkHeap(made);
    checkShared(heap);
  }
});

test("an emptied heap's memory goes back, and its addresses are used again", () => {
  const scene = new Scene();
  const heap = scene.as(SURVIVOR);
  const before = heap.pressure().footprint;
  const { segments } = heap.wilderness;
  let most = 0;
  for (let round = 0; round < 20; round++) {
    const made = heap.others!.make(`${round}`, 0);
    for (let bytes = 0; bytes < 5 * MIB; bytes += 50_000) assert.is.not(made.allocate(50_000), 0);
    heap.others!.destroy(made);
    if (round === 0) most = segments.count;
    assert.is(segments.count, most, `segments after round ${round}`);
    assert.ok(heap.pressure().footprint - before < 30 * PAGE);
  }
  scene.verdict(0);
});

test("an emptied heap is a thread's when nobody makes another, and is not made again after that", () => {
  const scene = new Scene();
  const heap = scene.as(SURVIVOR);
  const made = heap.others!.make("once", 0);
  heap.others!.destroy(made);
  const third = scene.another(HEIR);
  assert.is(third.record, made.record);
  assert.is(kindOf(third.words, third.words[third.record + Rec.entry]!), Kind.thread);
  scene.os.threads.kill(HEIR);
  scene.as(SURVIVOR);
  const again = heap.others!.make("twice", 0);
  assert.is.not(again.record, made.record);
  const kinds = Array.from({ length: heap.words[Control.heaps]! }, (_, index) =>
    recordOf(heap.words, index) === 0 ? -1 : kindOf(heap.words, entryOf(index)),
  );
  assert.is(kinds.filter((kind) => kind === Kind.made).length, 1);
});

test("a thread that starts takes an ended thread's heap, with its blocks, before one that a program made", () => {
  const scene = new Scene();
  const dead = scene.as(VICTIM);
  use(dead.others!.make("guest", 0));
  scene.os.threads.kill(VICTIM);
  assert.is(scene.another(HEIR).record, dead.record);
});

test("a thread that was interrupted right after it claimed one of an ended thread wipes it when it recovers", () => {
  const scene = new Scene();
  const guest = scene.as(VICTIM).others!.make("guest", 0);
  use(guest);
  scene.os.threads.kill(VICTIM);
  const heap = scene.as(SURVIVOR);
  const { threads } = scene.os;
  const entry = heap.words[guest.record + Rec.entry]!;
  claim(heap.window, threads, entry);
  heap.recover();
  assert.is(kindOf(heap.words, entry), Kind.empty);
  assert.ok(isOrphan(heap.window, threads, entry));
  scene.verdict(0);
});

test("at the limit of the process a dead thread's heaps give everything back", () => {
  const scene = new Scene();
  const guest = scene.as(VICTIM).others!.make("guest", 0);
  for (let bytes = 0; bytes < 8 * MIB; bytes += 50_000) assert.is.not(guest.allocate(50_000), 0);
  scene.os.threads.kill(VICTIM);
  const heap = scene.as(SURVIVOR);
  heap.words[Control.limitPages] = heap.pressure().footprint / PAGE + 10;
  let bytes = 0;
  for (; bytes < 7 * MIB; bytes += 50_000) assert.is.not(heap.allocate(50_000), 0, `${bytes} bytes`);
});

test.run();
