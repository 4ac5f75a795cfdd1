/**
 * What others freed goes back to the kernel while its owner does nothing: without a change that the owner could notice, and
 * whenever the thread that does it dies.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nextOf, sizeOf } from "../../src/block/block.js";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { Rec } from "../../src/heap/record.js";
import { CLOSED_LISTS, Control } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { joinProcess } from "../../src/process/adopt.js";
import { underAdoption } from "../../src/process/claims.js";
import { reclaim } from "../../src/process/reclaim.js";
import { noHooks } from "../../src/shared/hooks.js";
import { adopt } from "../support/adopt.js";
import {
  anotherThread,
  charged,
  type FakeHeap,
  fakeHeap,
  footprintPages,
  row,
  sendBack,
  verify,
} from "../support/fake-heap.js";
import type { FakeOs } from "../support/fake-os.js";
import { Killed, Killer } from "../support/killer.js";

const [OWNER, HELPER, HEIR] = [1, 2, 3];
const BLOCK = 8192;
const BLOCKS = 12;
/** Kept live: a run lies below it, and one above. */
const PIN = 5;
const hooks = noHooks();

interface Scene {
  readonly owner: FakeHeap;
  readonly helper: FakeHeap;
  readonly blocks: Block[];
}

/** An owner with a row of blocks, all but one of which another thread has freed, in an order of its own. */
function scene(): Scene {
  const owner = fakeHeap();
  const blocks = row(owner, ...Array.from({ length: BLOCKS + 1 }, () => BLOCK));
  const helper = anotherThread(owner, HELPER);
  for (let i = 0; i < BLOCKS; i++) {
    const at = (i * 7) % BLOCKS;
    if (at !== PIN) assert.ok(sendBack(helper.heap, owner.heap.window.pointerOf(blocks[at]!)));
  }
  helper.heap.outbox.flush();
  return { owner, helper, blocks };
}

/** As scene(), in a made heap of the owner's: all blocks of it but one are only marked. */
function madeScene(): Scene & { made: FakeHeap } {
  const owner = fakeHeap();
  const made = { ...owner, heap: owner.heap.others!.make("made", 0) };
  const blocks = row(made, ...Array.from({ length: BLOCKS + 1 }, () => BLOCK));
  const helper = anotherThread(owner, HELPER);
  for (let i = 0; i < BLOCKS; i++) {
    if (i !== PIN) assert.ok(sendBack(helper.heap, owner.heap.window.pointerOf(blocks[i]!)));
  }
  return { owner, helper, blocks, made };
}

/** On behalf of the helper, which may die. */
function reclaimed({ owner, helper }: Pick<Scene, "owner" | "helper">, killer?: Killer): number {
  owner.os.threads.current = HELPER;
  const os = killer?.os(owner.os) ?? owner.os;
  const window = killer?.window(helper.heap.window) ?? helper.heap.window;
  return underAdoption(window, os, () => reclaim(window, os, hooks));
}

/** The owner comes back: all that was freed is its own again, once, and the one live block is as it was. */
function comesBack({ owner, blocks }: Scene): void {
  owner.os.threads.current = OWNER;
  owner.heap.enter();
  assert.is(owner.m[owner.heap.record + Rec.reclaiming], 0);
  owner.heap.drain();
  owner.heap.open();
  verify(owner);
  assert.is(owner.m[owner.heap.record + Rec.reclaimedPages], 0);
  assert.is(owner.heap.liveBlockOfAny(owner.heap.window.pointerOf(blocks[PIN]!)), blocks[PIN]);
  owner.heap.consolidate();
  assert.is(freeBytesAround(owner, blocks), (BLOCKS - 1) * BLOCK);
  verify(owner);
}

function freeBytesAround({ m }: FakeHeap, blocks: readonly Block[]): number {
  let bytes = 0;
  for (let b = blocks[0]!; b < blocks[BLOCKS]!; b = nextOf(m, b))
    if (b !== blocks[PIN]) bytes += sizeOf(m, b);
  return bytes;
}

/** The blocks of the row, as sizes lead from one to the next. */
function walked({ owner, blocks }: Scene): number {
  let count = 0;
  for (let b = blocks[0]!; b < blocks[BLOCKS]!; b = nextOf(owner.m, b)) count++;
  return count;
}

test("the pages of neighbours are given back, and are in no account any more", () => {
  const set = scene();
  const before = footprintPages(set.owner);
  const account = charged(set.owner);
  const pages = reclaimed(set);
  const [most, least] = [((BLOCKS - 1) * BLOCK) / 4096, ((BLOCKS - 4) * BLOCK) / 4096];
  assert.ok(pages >= least && pages < most, `${pages} pages`);
  assert.is(footprintPages(set.owner), before - pages);
  assert.is(charged(set.owner), account - pages);
  // Two runs and the block between them; and the head of the list, which stays by itself.
  assert.ok(walked(set) <= 5, `${walked(set)} blocks`);
  assert.is(reclaimed(set), 0, "nothing more");
  comesBack(set);
});

test("what is freed later is coalesced with what lies there, and counted once", () => {
  const set = scene();
  const { owner, helper, blocks } = set;
  const first = reclaimed(set);
  const pin = owner.heap.window.pointerOf(blocks[PIN]!);
  assert.ok(sendBack(helper.heap, pin));
  helper.heap.outbox.flush();
  const footprint = footprintPages(owner);
  const second = reclaimed(set);
  assert.is(footprintPages(owner), footprint - second);
  assert.ok(first + second <= (BLOCKS * BLOCK) / 4096);
  owner.os.threads.current = OWNER;
  owner.heap.drain();
  verify(owner);
  assert.is(owner.heap.hasReturned, false);
});

test("blocks that another thread has not sent yet are left alone", () => {
  const owner = fakeHeap();
  const blocks = row(owner, ...Array.from({ length: 40 }, () => 1024));
  const helper = anotherThread(owner, HELPER);
  for (const b of blocks.slice(0, 4)) sendBack(helper.heap, owner.heap.window.pointerOf(b));
  const set = { owner, helper, blocks };
  assert.is(reclaimed(set), 0);
  helper.heap.outbox.flush();
  owner.os.threads.current = OWNER;
  owner.heap.drain();
  verify(owner);
});

test("an owner in a slow path is left alone, and one where the kernel has no barrier", () => {
  const set = scene();
  const { owner } = set;
  owner.m[owner.heap.record + Rec.interrupted] = 1;
  assert.is(reclaimed(set), 0);
  owner.m[owner.heap.record + Rec.interrupted] = 0;
  owner.os.refused.add("barrier");
  assert.is(reclaimed(set), 0);
  owner.os.refused.delete("barrier");
  assert.is(walked(set), BLOCKS);
  comesBack(set);
});

test("the owner's processor sees all changes before it may go on", () => {
  const set = scene();
  const { owner } = set;
  const reclaiming: number[] = [];
  const blocks: number[] = [];
  owner.os.barrier = () => {
    reclaiming.push(owner.m[owner.heap.record + Rec.reclaiming]!);
    blocks.push(walked(set));
    return true;
  };
  assert.ok(reclaimed(set) > 0);
  assert.equal(reclaiming, [1, 1, 1]);
  assert.ok(blocks[2]! < blocks[1]!);
  assert.is(walked(set), blocks[2]);
});

test("an owner that begins an update meanwhile waits until it is over", () => {
  const set = scene();
  const { owner } = set;
  let waits = 0;
  const { discard } = owner.os;
  owner.os.discard = function (this: FakeOs, address, bytes) {
    if (waits++ === 0) {
      owner.heap.others!.awaitReclaim = () => {
        assert.ok(owner.heap.isInterrupted, "whoever is cut off now is recovered, which unlocks the mutex");
        owner.m[owner.heap.record + Rec.reclaiming] = 0; // as when the other thread is done
      };
      owner.heap.enter();
      owner.heap.open();
      owner.m[owner.heap.record + Rec.reclaiming] = 1;
    }
    return discard.call(this, address, bytes);
  };
  assert.ok(reclaimed(set) > 0);
  assert.is(owner.m[owner.heap.record + Rec.reclaiming], 0);
});

test("at the limit it is enough for another thread's request, without the owner", () => {
  const set = scene();
  const { owner, helper } = set;
  owner.m[Control.limitPages] = charged(owner) + 4;
  owner.os.threads.current = HELPER;
  assert.is.not(helper.heap.allocate(48 * 1024), 0);
  comesBack(set);
});

/** Kills the reclaiming thread before each of its stores in turn, until it comes to its end. */
function atEachStore<S extends Scene>(make: () => S, then: (set: S) => void): void {
  for (let at = 0; ; at++) {
    const set = make();
    const killer = new Killer(at);
    try {
      reclaimed(set, killer);
      assert.ok(at > 100, `${at} stores`);
      return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    set.owner.os.threads.kill(HELPER);
    try {
      then(set);
    } catch (error) {
      throw new Error(`killed before store ${at}: ${(error as Error).stack}`);
    }
  }
}

test("whenever the reclaiming thread dies, the owner finishes what it had begun, and has all blocks", () => {
  atEachStore(scene, comesBack);
});

test("whenever it dies, and the owner too, their heir has all blocks", () => {
  atEachStore(scene, ({ owner, blocks }) => {
    owner.os.threads.kill(OWNER);
    owner.os.threads.current = HEIR;
    const heir = joinProcess(owner.heap.window, owner.os, hooks);
    const others: ThreadHeap[] = [];
    for (let next = adopt(heir); next !== null; next = adopt(heir)) others.push(next);
    const home = [heir, ...others].find((heap) => heap.record === owner.heap.record)!;
    assert.ok(home);
    home.consolidate();
    verify({ ...owner, heap: home });
    assert.is(freeBytesAround(owner, blocks), (BLOCKS - 1) * BLOCK);
  });
});

test("an owner that comes back leaves no moment in which its pages are counted off twice, and others may charge", () => {
  const set = scene();
  const { owner } = set;
  assert.ok(reclaimed(set) > 0);
  owner.m[Control.limitPages] = charged(owner);
  const limit = charged(owner);
  const { discard } = owner.os;
  let discards = 0;
  owner.os.discard = function (this: FakeOs, address, bytes) {
    discards++;
    assert.ok(charged(owner) === limit || owner.m[Control.lock] !== 0);
    return discard.call(this, address, bytes);
  };
  comesBack(set);
  assert.ok(discards > 1);
  assert.is(owner.m[Control.lock], 0);
  assert.ok(charged(owner) <= limit);
});

test("an owner that trims says no more than it gives back itself", () => {
  const set = scene();
  const { owner } = set;
  assert.ok(reclaimed(set) > 0);
  const before = footprintPages(owner);
  owner.os.threads.current = OWNER;
  assert.is(owner.heap.trim(), (before - footprintPages(owner)) * 4096);
  verify(owner);
});

test("after the owner's death its heir counts nothing that was given back", () => {
  const set = scene();
  const { owner, helper } = set;
  assert.ok(reclaimed(set) > 0);
  const footprint = footprintPages(owner);
  const account = charged(owner);
  const peak = owner.m[Control.peakPages];
  owner.os.threads.kill(OWNER);
  owner.os.threads.current = HELPER;
  const heir = adopt(helper.heap)!;
  assert.is(heir.record, owner.heap.record);
  assert.ok(footprintPages(owner) <= footprint, `${footprintPages(owner)} of ${footprint} pages`);
  assert.ok(charged(owner) <= account);
  assert.is(owner.m[Control.peakPages], peak);
  verify({ ...owner, heap: heir });
});

/** The owner of a made heap comes back. Deaths may leave one block too many in the count of freed ones. */
function comesBackTo({ owner, blocks, made }: ReturnType<typeof madeScene>, died = false): void {
  owner.os.threads.current = OWNER;
  owner.heap.enter();
  assert.is(owner.m[owner.heap.record + Rec.reclaiming], 0);
  made.heap.consolidate();
  owner.heap.open();
  verify(made);
  assert.is(owner.m[made.heap.record + Rec.reclaimedPages], 0);
  assert.is(owner.m[made.heap.record + Rec.markedUnits], 0);
  const miscounted = owner.m[made.heap.record + Rec.markedBlocks]!;
  assert.ok(miscounted === 0 || (died && miscounted === 1), `${miscounted}`);
  assert.is(made.heap.liveBlockOfAny(owner.heap.window.pointerOf(blocks[PIN]!)), blocks[PIN]);
  assert.is(freeBytesAround(owner, blocks), (BLOCKS - 1) * BLOCK);
}

test("blocks of a made heap come back too, which lie in no inbox", () => {
  const set = madeScene();
  const { owner, helper, blocks, made } = set;
  const before = footprintPages(owner);
  const account = charged(owner);
  const pages = reclaimed(set);
  assert.ok(pages >= ((BLOCKS - 3) * BLOCK) / 4096, `${pages} pages`);
  assert.is(footprintPages(owner), before - pages);
  assert.is(charged(owner), account - pages);
  assert.is(walked(set), 3, "a run on each side of what is live");
  assert.is(reclaimed(set), 0, "nothing more");
  assert.ok(sendBack(helper.heap, owner.heap.window.pointerOf(blocks[PIN]!)));
  assert.ok(reclaimed(set) > 0);
  assert.is(walked(set), 1);
  owner.os.threads.current = OWNER;
  made.heap.trim();
  verify(made);
  for (const word of ["reclaimedPages", "markedUnits", "markedBlocks"] as const) {
    assert.is(owner.m[made.heap.record + Rec[word]], 0, word);
  }
});

test("whenever the reclaiming thread dies, the owner of a made heap has all blocks", () => {
  atEachStore(madeScene, (set) => comesBackTo(set, true));
  const set = madeScene();
  reclaimed(set);
  comesBackTo(set);
});

test("an owner that recovers its made heap counts nothing twice that was given back", () => {
  const set = madeScene();
  const { owner, made } = set;
  assert.ok(reclaimed(set) > 0);
  const footprint = footprintPages(owner);
  owner.os.threads.current = OWNER;
  owner.heap.others!.recover(owner.heap);
  assert.ok(footprintPages(owner) <= footprint, `${footprintPages(owner)} of ${footprint} pages`);
  verify(made);
  comesBackTo(set);
});

test("a made heap that is destroyed afterwards is whole, and so is its successor", () => {
  const set = madeScene();
  const { owner, made } = set;
  assert.ok(reclaimed(set) > 0);
  owner.os.threads.current = OWNER;
  owner.heap.others!.destroy(made.heap);
  const next = { ...owner, heap: owner.heap.others!.make("next", 0) };
  row(next, ...Array.from({ length: BLOCKS }, () => BLOCK));
  verify(next);
  verify(owner);
});

test("a header of a made heap that was overwritten ends the search, and changes nothing behind it", () => {
  const set = madeScene();
  const { owner, blocks } = set;
  owner.m[blocks[0]!] = 0;
  const before = owner.m.slice(blocks[0], blocks[BLOCKS]);
  assert.is(reclaimed(set), 0);
  assert.equal(owner.m.slice(blocks[0], blocks[BLOCKS]), before);
});

test("at the limit another thread's request gets what waits in a made heap", () => {
  const set = madeScene();
  const { owner, helper } = set;
  owner.m[Control.limitPages] = charged(owner) + 4;
  owner.os.threads.current = HELPER;
  assert.is.not(helper.heap.allocate(48 * 1024), 0);
  comesBackTo(set);
});

test("closed lists have the words that an update looks at", () => {
  assert.is(fakeHeap().m[CLOSED_LISTS + Rec.reclaiming], 0);
});

test.run();
