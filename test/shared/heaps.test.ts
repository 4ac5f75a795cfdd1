/**
 * The table of heaps: claims, generations, and who lives.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES, Control, HEAP_WORDS, HEAPS, MAX_HEAPS } from "../../src/memory/control.js";
import { Window } from "../../src/memory/memory.js";
import {
  claim,
  claimOf,
  disclaim,
  entryOf,
  findMine,
  findOrphan,
  findVacant,
  HEAP_RECORD,
  holderOf,
  indexOf,
  isAlive,
  isClaimAlive,
  isMine,
  isRuined,
  recordOf,
  ruin,
} from "../../src/shared/heaps.js";
import { FakeThreads } from "../support/fake-threads.js";
import { throwsHeapError } from "../support/throws.js";

const BASE = 0x10_0000_0000;

/** Which word of a mutex tells its holder. */
let mutexWord = 0;

/** A test with mutexes as glibc has them, and as musl has. */
function eitherWay(name: string, body: () => void): void {
  for (const word of [0, 1]) {
    test(`${name}; word ${word} of a mutex tells it`, () => {
      mutexWord = word;
      body();
    });
  }
}

function bench() {
  const window = new Window(BASE, new ArrayBuffer(CHUNK_BYTES));
  const threads = new FakeThreads((address) => new Int32Array(window.buffer, address - BASE, 12), mutexWord);
  const m = window.words;
  /** A new heap for a thread. */
  const start = (thread: number): number => {
    threads.current = thread;
    const entry = findVacant(window, threads);
    claim(window, threads, entry);
    m[entry + HEAP_RECORD] = 1000 + indexOf(entry);
    return entry;
  };
  return { window, threads, m, start };
}

test("a libc whose mutexes do not tell who holds them is refused", () => {
  const { window, threads } = bench();
  threads.lockMutex = () => true; // and writes nothing
  throwsHeapError(() => claim(window, threads, entryOf(0)), "ERR_UNSUPPORTED_PLATFORM", /robust mutex/);
});

test("entries lie one after the other, and an index leads back", () => {
  assert.is(entryOf(0), HEAPS);
  for (const index of [0, 1, 5, MAX_HEAPS - 1]) {
    assert.is(entryOf(index), HEAPS + index * HEAP_WORDS);
    assert.is(indexOf(entryOf(index)), index);
  }
});

eitherWay("a claim lives as long as its thread", () => {
  const { window, threads, m, start } = bench();
  const entry = start(4);
  assert.ok(isAlive(window, threads, entry) && isMine(m, threads, entry));
  assert.is(holderOf(m, threads, entry), 4);
  assert.is(recordOf(m, 0), 1000);
  threads.current = 5;
  assert.not.ok(isMine(m, threads, entry), "another thread's");
  assert.ok(isAlive(window, threads, entry));
  threads.kill(4);
  assert.not.ok(isAlive(window, threads, entry));
  assert.is(holderOf(m, threads, entry), 0);
});

eitherWay("each claim of an entry is a number of its own, positive, and not 0", () => {
  const { window, threads, m, start } = bench();
  const entry = start(4);
  const first = claimOf(m, entry);
  assert.ok(first > 0);
  assert.ok(isClaimAlive(window, threads, first));
  threads.kill(4);
  assert.not.ok(isClaimAlive(window, threads, first));
  threads.current = 5;
  claim(window, threads, entry);
  const second = claimOf(m, entry);
  assert.is.not(second, first);
  assert.ok(isClaimAlive(window, threads, second));
  assert.not.ok(isClaimAlive(window, threads, first), "the entry has another thread now");
  const other = start(6);
  assert.is.not(claimOf(m, other), second);
  assert.ok(isClaimAlive(window, threads, claimOf(m, other)));
});

eitherWay("generations start again before a claim becomes negative or 0", () => {
  const { window, threads, m, start } = bench();
  const entry = start(4);
  for (const [generation, next] of [
    [0xffffe, 0xfffff],
    [0xfffff, 1],
  ] as const) {
    threads.kill(threads.current);
    m[entry + 1] = generation;
    claim(window, threads, entry);
    assert.is(m[entry + 1], next);
    assert.ok(claimOf(m, entry) > 0);
    assert.ok(isClaimAlive(window, threads, claimOf(m, entry)));
  }
});

eitherWay("an orphan is a heap whose thread ended, and nobody's whose headers were overwritten", () => {
  const { window, threads, m, start } = bench();
  const entries = [1, 2, 3].map(start);
  assert.is(findOrphan(window, threads), 0);
  threads.kill(2);
  assert.is(findOrphan(window, threads), entries[1]);
  ruin(m, entries[1]!);
  assert.ok(isRuined(m, entries[1]!) && !isRuined(m, entries[0]!));
  assert.is(findOrphan(window, threads), 0);
  threads.kill(3);
  assert.is(findOrphan(window, threads), entries[2]);
  m[entries[2]! + HEAP_RECORD] = 0;
  assert.is(findOrphan(window, threads), 0, "an entry without a heap is none");
});

eitherWay("a heap can be given up by a thread that lives on", () => {
  const { window, threads, start } = bench();
  const entry = start(4);
  disclaim(window, threads, entry);
  assert.is(findOrphan(window, threads), entry);
  threads.current = 5;
  claim(window, threads, entry);
  threads.kill(4);
  assert.ok(isAlive(window, threads, entry), "it is not the first thread's any more");
});

eitherWay(
  "a vacant entry is one whose thread died before it had a heap, else a new one, until the table is full",
  () => {
    const { window, threads, m, start } = bench();
    const entries = [1, 2].map(start);
    m[entries[1]! + HEAP_RECORD] = 0;
    assert.is(findVacant(window, threads), entryOf(2), "a living thread is about to have one in the second");
    m[Control.heaps] = 2;
    threads.kill(2);
    assert.is(findVacant(window, threads), entries[1]);
    m[entries[1]! + HEAP_RECORD] = 1001;
    m[Control.heaps] = MAX_HEAPS - 1;
    for (let index = 2; index < MAX_HEAPS; index++) m[entryOf(index) + HEAP_RECORD] = 1;
    assert.is(findVacant(window, threads), entryOf(MAX_HEAPS - 1));
    assert.is(findVacant(window, threads), 0);
  },
);

eitherWay("a thread finds the first heap that it has", () => {
  const { window, threads, start } = bench();
  start(1);
  const mine = start(2);
  start(3);
  threads.current = 2;
  assert.is(findMine(window, threads), mine);
  threads.current = 9;
  assert.is(findMine(window, threads), 0);
});

test.run();
