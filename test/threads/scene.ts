/**
 * A simulated process of several threads, with blocks that people hold, for tests about death.
 *
 * Owns which blocks are held by whom and what is written in them, and the verdict after a death: what others hold is
 * whole, nothing is handed out twice, and all else can be used again.
 */
import * as assert from "uvu/assert";
import { isCached, isFree, markAt, sizeOf } from "../../src/block/block.js";
import { blocksOf } from "../../src/heap/blocks.js";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { Rec } from "../../src/heap/record.js";
import { resizeInPlace } from "../../src/heap/resize.js";
import { checkHeap } from "../../src/heap/verify.js";
import { checkShared } from "../../src/inspect/check-shared.js";
import { heapsOf } from "../../src/inspect/walk.js";
import { CHUNK_BYTES, CHUNK_WORDS, Control, ownerOfWord } from "../../src/memory/control.js";
import { PAGE_SHIFT, PAGE_TABLE } from "../../src/memory/mapped-pages.js";
import { type Pointer, WORD_BYTES } from "../../src/memory/memory.js";
import { joinProcess } from "../../src/process/adopt.js";
import { noHooks } from "../../src/shared/hooks.js";
import { isVacant, nextVacant } from "../../src/space/vacant.js";
import { adopt } from "../support/adopt.js";
import { anotherThread, type FakeHeap, fakeHeap } from "../support/fake-heap.js";
import { type FakeOptions, MIB } from "../support/fake-os.js";
import { Killed, Killer } from "../support/killer.js";

/** The thread that stays, and the one that dies. */
export const SURVIVOR = 1;
export const VICTIM = 2;

/** All that the operations need. */
const SPAN = 16 * MIB;
const ZEROES = Buffer.alloc(MIB);

export class Scene {
  readonly survivor: FakeHeap;
  readonly victim: FakeHeap;
  /** Blocks that somebody holds, with their usable sizes. */
  readonly held = new Map<Pointer, number>();
  /** How many stores the last victim made. */
  stores = 0;

  constructor(options: FakeOptions = {}) {
    this.survivor = fakeHeap({}, { viewLimit: SPAN, ...options });
    this.victim = anotherThread(this.survivor, VICTIM);
    for (const thread of [SURVIVOR, VICTIM]) {
      const heap = this.as(thread);
      const pointers = Array.from({ length: 10 }, () => this.take(heap, 40));
      for (let i = 0; i < pointers.length; i += 2) this.give(heap, pointers[i]!);
    }
  }

  get os() {
    return this.survivor.os;
  }

  /** Lets a thread run until another does. */
  as(thread: number): ThreadHeap {
    this.os.threads.current = thread;
    return thread === SURVIVOR ? this.survivor.heap : this.victim.heap;
  }

  /** Lets one more thread join. */
  another(thread: number): ThreadHeap {
    return anotherThread(this.survivor, thread).heap;
  }

  /** A block of `size` bytes that is held from now on. */
  take(heap: ThreadHeap, size: number): Pointer {
    const pointer = heap.allocate(size);
    assert.is.not(pointer, 0, `room for ${size} bytes`);
    this.hold(heap, pointer);
    return pointer;
  }

  hold(heap: ThreadHeap, pointer: Pointer): void {
    const bytes = usable(heap, pointer);
    assert.not(this.held.has(pointer), "a block that is held was handed out again");
    this.held.set(pointer, bytes);
    stamp(heap, pointer, bytes);
  }

  /** Frees a block of any heap as free() does. */
  give(heap: ThreadHeap, pointer: Pointer): void {
    this.held.delete(pointer);
    giveBack(heap, pointer);
  }

  /**
   * Runs `work` as the victim, who dies before its store number `at`. What it works on must not be held any more. Whether
   * it died.
   */
  kill(at: number, work: (heap: ThreadHeap) => void, thread: number = VICTIM): boolean {
    const killer = new Killer(at);
    this.os.threads.current = thread;
    try {
      const hooks = noHooks();
      const window = killer.window(this.survivor.heap.window);
      work(joinProcess(window, killer.os(this.os), hooks));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    this.stores = killer.stores;
    this.os.threads.kill(thread);
    this.os.threads.current = SURVIVOR;
    return killer.dead;
  }

  /**
   * Runs `work` as an update of the victim's, which JavaScript's full stack interrupts before its store number `at`, and which is
   * recovered then. Whether it was.
   */
  interrupt(at: number, work: (heap: ThreadHeap) => void): boolean {
    const killer = new Killer(at, false);
    this.os.threads.current = VICTIM;
    const join = () => joinProcess(killer.window(this.survivor.heap.window), killer.os(this.os), noHooks());
    let heap: ThreadHeap | null = null;
    try {
      heap = join();
      heap.words[heap.record + Rec.interrupted] = 1;
      work(heap);
      heap.open();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      heap ??= join();
      heap.recover();
    }
    this.os.threads.kill(VICTIM);
    this.os.threads.current = SURVIVOR;
    return killer.stopped;
  }

  /** The survivor takes over all there is, and everything must be well; at most `lost` blocks are held by nobody. */
  verdict(lost: number): void {
    const heap = this.as(SURVIVOR);
    while (adopt(heap)) {}
    for (const of of heapsOf(heap)) {
      of.drain();
      checkHeap(of);
      verifyFresh(of);
    }
    checkShared(heap);
    this.verifyPages(heap);
    this.verifyVacant(heap);
    this.verifyNoneLost(heap);
    this.verifyHeld(heap);
    const { live, underway } = countBlocks(heap);
    assert.ok(live <= this.held.size + lost, `${live} live, ${this.held.size} held`);
    assert.is(underway, 0, "no block is on its way for ever");
    this.refill(heap);
  }

  /** What the table of mapped pages says is mapped must be: an access trusts it. */
  verifyPages({ window }: ThreadHeap): void {
    const table = window.bytes.subarray(PAGE_TABLE, PAGE_TABLE + SPAN / 2 ** PAGE_SHIFT);
    for (let from = table.indexOf(0xff), to = 0; from >= 0; from = to < 0 ? -1 : table.indexOf(0xff, to)) {
      to = table.indexOf(0, from);
      const bytes = ((to < 0 ? table.length : to) - from) * 2 ** PAGE_SHIFT;
      assert.ok(this.os.isMapped(window.base + from * 2 ** PAGE_SHIFT, bytes), `pages from ${from} to ${to}`);
    }
  }

  /** Vacant chunks are mapped, nobody's, and all zeroes. */
  verifyVacant({ window, words: m, large }: ThreadHeap): void {
    const end = m.length / CHUNK_WORDS;
    for (const [start, bytes] of large.mappings()) {
      const [first, last] = [start, start + bytes - 1].map((at) =>
        Math.floor((at - window.base) / CHUNK_BYTES),
      );
      for (let chunk = first!; chunk <= last!; chunk++)
        assert.not.ok(isVacant(m, chunk), `chunk ${chunk} has a block`);
    }
    for (let chunk = nextVacant(m, 0, end); chunk < end; chunk = nextVacant(m, chunk + 1, end)) {
      assert.ok(this.os.isMapped(window.base + chunk * CHUNK_BYTES, CHUNK_BYTES), `chunk ${chunk} is mapped`);
      assert.is(
        ZEROES.compare(window.bytes, chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES),
        0,
        `chunk ${chunk} is zero`,
      );
    }
  }

  /** Above the break, each chunk that is mapped is a segment's, vacant, or has a large block in it. */
  verifyNoneLost({ window, words: m, large }: ThreadHeap): void {
    const blocks = large.mappings();
    for (let chunk = m[Control.breakChunks]! + 1; chunk < m.length / CHUNK_WORDS; chunk++) {
      const [from, to] = [chunk, chunk + 1].map((at) => window.base + at * CHUNK_BYTES) as [number, number];
      const isUsed = ownerOfWord(m, chunk * CHUNK_WORDS) !== 0 || isVacant(m, chunk);
      if (isUsed || blocks.some(([start, bytes]) => start < to && from < start + bytes)) continue;
      assert.not.ok(this.os.isMapped(from, CHUNK_BYTES), `chunk ${chunk} is mapped for ever`);
    }
  }

  verifyHeld(heap: ThreadHeap): void {
    for (const [pointer, bytes] of this.held) {
      assert.is(usable(heap, pointer), bytes, "a held block kept its size");
      verifyStamp(heap, pointer, bytes);
    }
  }

  /** All heaps hand out and take back whatever they have: nothing that is held may be among it. */
  refill(heap: ThreadHeap): void {
    const got: Pointer[] = [];
    for (const of of heapsOf(heap)) {
      for (const size of [40, 200, 1000, 5000, 24]) {
        for (let i = 0; i < 80; i++) {
          const pointer = of.allocateWithin(size);
          if (pointer === 0) break;
          this.hold(heap, pointer);
          got.push(pointer);
        }
      }
    }
    this.verifyHeld(heap);
    for (const pointer of got) this.give(heap, pointer);
    for (const of of heapsOf(heap)) checkHeap(of);
  }
}

/** What calloc() does not clear, because nobody has touched it yet, is zero. */
function verifyFresh({ window, words: m, record, wilderness }: ThreadHeap): void {
  const start = Math.max(m[record + Rec.top]!, m[record + Rec.high]!) * WORD_BYTES;
  const end = wilderness.segments.end(m[record + Rec.segment]!) * WORD_BYTES;
  for (let at = start; at < end; at += ZEROES.length) {
    const bytes = Math.min(end - at, ZEROES.length);
    const fresh = Buffer.from(window.buffer, at, bytes);
    if (fresh.compare(ZEROES, 0, bytes) !== 0) assert.unreachable(`memory from ${at} on was touched`);
  }
}

/**
 * Scenes one after the other, in one buffer: with one for each the garbage collector is busy longer than they are.
 * A scene ends when the next begins.
 */
export class Scenes {
  readonly #buffer = new ArrayBuffer(SPAN);
  #last: Scene | null = null;

  next(): Scene {
    if (this.#last !== null) this.#clear(this.#last);
    this.#last = new Scene({ viewLimit: SPAN, buffer: this.#buffer });
    return this.#last;
  }

  /** All that may have been touched: what was mapped lies behind the segments. */
  #clear({ os, survivor: { m } }: Scene): void {
    m.fill(0, 0, os.count("map") > 0 ? m.length : m[Control.nextChunk]! * CHUNK_WORDS);
  }
}

/** Frees as free() does. */
export function giveBack(heap: ThreadHeap, pointer: Pointer): void {
  if (heap.freeSmall(pointer)) return;
  const b = heap.liveBlock(pointer);
  if (b !== 0) {
    heap.freeBlock(b);
    return;
  }
  const foreign = heap.liveBlockOfAny(pointer);
  if (foreign === 0) {
    assert.ok(heap.large.free(pointer) >= 0, "a large block");
    return;
  }
  const taken = heap.others!.heapOf(foreign);
  if (taken !== null) taken.freeBlock(foreign);
  else
    assert.ok(heap.outbox.put(foreign, ownerOfWord(heap.words, foreign)), "a block that nobody freed before");
}

/** Resizes in place as realloc() does; 0 when the block would have to move. */
export function resize(heap: ThreadHeap, pointer: Pointer, size: number): Pointer {
  const b = resizeInPlace(heap, heap.liveBlock(pointer), size);
  return b === 0 ? (0 as Pointer) : heap.window.pointerOf(b);
}

function usable(heap: ThreadHeap, pointer: Pointer): number {
  const b = heap.liveBlockOfAny(pointer);
  const bytes = b === 0 ? heap.large.sizeOf(pointer) : sizeOf(heap.words, b) - 8;
  assert.ok(bytes > 0, "a held block is live");
  return bytes;
}

/** Blocks in use, and blocks freed by another thread than their own that did not come back. */
function countBlocks(heap: ThreadHeap): { live: number; underway: number } {
  const m = heap.words;
  let live = heap.large.mappings().length;
  let underway = 0;
  for (const of of heapsOf(heap)) {
    for (const id of of.wilderness.ownSegments()) {
      for (const b of blocksOf(of, id)) {
        if (isFree(m, b) || isCached(m, b)) continue;
        if (markAt(m, b, of.secret) === 0) live++;
        else underway++;
      }
    }
  }
  return { live, underway };
}

function stamp(heap: ThreadHeap, pointer: Pointer, bytes: number): void {
  const { data, base } = heap.window;
  for (const at of [0, bytes - 8]) data.setFloat64(pointer - base + at, pointer + bytes, true);
}

function verifyStamp(heap: ThreadHeap, pointer: Pointer, bytes: number): void {
  const { data, base } = heap.window;
  for (const at of [0, bytes - 8]) {
    assert.is(data.getFloat64(pointer - base + at, true), pointer + bytes, "a held block kept its contents");
  }
}
