/**
 * Mutexes where the kernel does not tell that a thread ended, over simulated threads: who holds one, and until when.
 */

import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES, Control } from "../../src/memory/control.js";
import { Window } from "../../src/memory/memory.js";
import { startInProc, withLivenessChecks } from "../../src/platform/liveness.js";
import { openOs } from "../../src/platform/os.js";
import type { OsThreads } from "../../src/platform/os-threads.js";
import {
  allMine,
  claim,
  claimOf,
  findOrphan,
  findVacant,
  HEAP_RECORD,
  holderOf,
  isAlive,
  isMine,
} from "../../src/shared/heaps.js";
import { Lock } from "../../src/shared/lock.js";
import { throwsHeapError } from "../support/throws.js";

const BASE = 0x10_0000_0000;
const PLACE = BASE + 4096;

/** A process whose threads are numbers, each with the moment at which it began. */
class Process {
  readonly window = new Window(BASE, new ArrayBuffer(CHUNK_BYTES));
  readonly #began = new Map<number, number>();
  #ticks = 100;
  /** What a wait is used for. */
  onWait: () => void = () => assert.unreachable("nobody is to wait");
  /** Whether /proc tells anything. */
  readable = true;
  readonly woken: number[] = [];

  start(number: number, isMainThread = false): OsThreads {
    this.#ticks += 7;
    this.#began.set(number, this.#ticks);
    const threads = {
      threadId: () => number,
      waitOn: () => this.onWait(),
      wakeOne: (address: number) => this.woken.push(address),
    };
    const wordsAt = (address: number) => new BigInt64Array(this.window.buffer, address - BASE, 1);
    return withLivenessChecks(threads as unknown as OsThreads, wordsAt, isMainThread, (thread) =>
      this.readable ? (this.#began.get(thread) ?? 0) : null,
    );
  }

  end(number: number): void {
    this.#began.delete(number);
  }
}

/** A heap of its own for a thread. */
function heapFor(sim: Process, threads: OsThreads): number {
  const entry = findVacant(sim.window, threads);
  claim(sim.window, threads, entry);
  sim.window.words[entry + HEAP_RECORD] = 1000;
  return entry;
}

test("a mutex is waited for while its holder lives, and taken over when it has ended", () => {
  const sim = new Process();
  const [one, other] = [sim.start(1, true), sim.start(2)];
  one.initializeMutex(PLACE);
  assert.ok(one.lockMutex(PLACE));
  let waits = 0;
  sim.onWait = () => {
    if (++waits === 3) sim.end(1);
  };
  assert.ok(other.lockMutex(PLACE));
  assert.is(waits, 3);
  other.unlockMutex(PLACE);
  assert.equal(sim.woken, [PLACE]);
  assert.ok(sim.start(3).lockMutex(PLACE), "nobody holds it");
});

test("who unlocks lets the next one in", () => {
  const sim = new Process();
  const [one, other] = [sim.start(1, true), sim.start(2)];
  const page = new Uint8Array(64).fill(9);
  one.initializeMutex(page);
  assert.ok(page.subarray(0, 8).every((byte) => byte === 0));
  one.lockMutex(PLACE);
  sim.onWait = () => one.unlockMutex(PLACE);
  assert.ok(other.lockMutex(PLACE));
});

test("a heap is alive as long as its thread, and then an orphan", () => {
  const sim = new Process();
  const { window } = sim;
  const [one, other] = [sim.start(1, true), sim.start(2)];
  const entry = heapFor(sim, other);
  assert.ok(isAlive(window, one, entry) && isMine(window.words, other, entry));
  assert.not.ok(isMine(window.words, one, entry));
  assert.is(holderOf(window.words, one, entry), 2);
  assert.is(findOrphan(window, one), 0);
  sim.end(2);
  assert.not.ok(isAlive(window, one, entry));
  assert.is(holderOf(window.words, one, entry), 0);
  assert.is(findOrphan(window, one), entry);
});

test("a thread that was given a dead one's number has nothing of what that had", () => {
  const sim = new Process();
  const { window } = sim;
  const main = sim.start(1, true);
  const first = sim.start(2);
  const entry = heapFor(sim, first);
  first.lockMutex(PLACE);
  sim.end(2);
  const second = sim.start(2);
  assert.equal(allMine(window, second), []);
  assert.not.ok(isAlive(window, main, entry));
  assert.is(findOrphan(window, second), entry);
  assert.ok(second.lockMutex(PLACE), "it is not taken to hold it already");
  claim(window, second, entry);
  assert.equal(allMine(window, second), [entry]);
  assert.equal(allMine(window, first), [], "a dead thread's object does not matter, but tells them apart");
});

test("the lock of a thread that ended is taken over", () => {
  const sim = new Process();
  const { window } = sim;
  const [one, other] = [sim.start(1, true), sim.start(2)];
  const claims = [one, other].map((threads) => claimOf(window.words, heapFor(sim, threads)));
  const mine = new Lock(window, one, claims[0]!);
  new Lock(window, other, claims[1]!).acquire();
  sim.end(2);
  let recoveries = 0;
  mine.recoverPending = () => recoveries++;
  mine.acquire();
  assert.is(recoveries, 1);
  assert.is(window.words[Control.lock]! & 0x7fffffff, claims[0]);
});

test("what cannot be told is taken for life", () => {
  const sim = new Process();
  const { window } = sim;
  const [one, other] = [sim.start(1, true), sim.start(2)];
  const entry = heapFor(sim, other);
  sim.readable = false;
  assert.ok(isAlive(window, one, entry), "/proc may not be read any more");
  sim.readable = true;
  sim.end(1);
  sim.end(2);
  assert.ok(isAlive(window, one, entry), "a /proc that does not even know the one that asks");
});

test("where nothing can be told from the start the main thread is alone", () => {
  const sim = new Process();
  sim.readable = false;
  const main = sim.start(1, true);
  assert.ok(main.lockMutex(PLACE));
  const entry = heapFor(sim, main);
  assert.ok(isMine(sim.window.words, main, entry));
  const worker = sim.start(2);
  throwsHeapError(() => worker.lockMutex(PLACE), "ERR_UNSUPPORTED_PLATFORM", /works in no worker here/);
  sim.readable = true;
  assert.ok(
    isAlive(sim.window, sim.start(3), entry),
    "the main thread lives, though nobody knows since when",
  );
});

test("this very thread, as the kernel knows it", () => {
  const os = openOs();
  const buffer = new BigInt64Array(1);
  const threads = withLivenessChecks(
    os.threads,
    () => buffer,
    false,
    startInProc((path) => readFileSync(path, "latin1")),
  );
  assert.ok(threads.lockMutex(0), "it is told when this thread began");
  const [holder, since] = new Int32Array(buffer.buffer) as unknown as [number, number];
  assert.is(holder, os.threads.threadId());
  assert.ok(since > 0);
  assert.ok(threads.holdsStill(holder, since));
  assert.not.ok(threads.holdsStill(holder, since - 1), "another that had its number");
  assert.not.ok(threads.holdsStill(0x3fffffff, since), "no thread has this number");
});

test.run();
