/**
 * The lock: taken and given back, taken over from a dead holder, waited for while its holder lives.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES, Control } from "../../src/memory/control.js";
import { Window } from "../../src/memory/memory.js";
import { claim, claimOf, disclaim, entryOf } from "../../src/shared/heaps.js";
import { Lock } from "../../src/shared/lock.js";
import { FakeThreads } from "../support/fake-threads.js";

const BASE = 0x10_0000_0000;
const WAITERS = 1 << 31;

/** Threads 1 and 2, each with a claim and a lock of its own over the same word. */
function bench() {
  const window = new Window(BASE, new ArrayBuffer(CHUNK_BYTES));
  const threads = new FakeThreads((address) => new Int32Array(window.buffer, address - BASE, 12));
  const m = window.words;
  const claims = [1, 2].map((thread) => {
    threads.current = thread;
    claim(window, threads, entryOf(thread - 1));
    return claimOf(m, entryOf(thread - 1));
  });
  const [one, other] = claims.map((claimed) => new Lock(window, threads, claimed)) as [Lock, Lock];
  const woken: number[] = [];
  threads.wakeOne = (address: number) => {
    woken.push(address);
  };
  return { window, threads, m, claims, one, other, woken };
}

test("the word holds the claim of whoever has the lock", () => {
  const { m, claims, one, other, woken } = bench();
  one.acquire();
  assert.is(m[Control.lock], claims[0]);
  one.release();
  assert.is(m[Control.lock], 0);
  other.acquire();
  assert.is(m[Control.lock], claims[1]);
  other.release();
  assert.equal(woken, [], "nobody waited");
});

test("a living holder makes others wait, and is asked to wake them", () => {
  const { window, m, claims, one, other, woken } = bench();
  one.acquire();
  assert.throws(() => other.acquire(), /deadlock/);
  assert.is(m[Control.lock], claims[0]! | WAITERS);
  one.release();
  assert.is(m[Control.lock], 0);
  assert.equal(woken, [window.addressOf(Control.lock)]);
});

test("who waited takes the lock as if others waited still", () => {
  const { threads, m, claims, one, other, woken } = bench();
  one.acquire();
  let sleeps = 0;
  threads.waitOn = () => {
    sleeps++;
    one.release();
  };
  other.acquire();
  assert.is(sleeps, 1);
  assert.is(m[Control.lock], claims[1]! | WAITERS);
  other.release();
  assert.is(woken.length, 2);
});

test("a sleep that ends for no reason is slept again", () => {
  const { threads, one, other } = bench();
  one.acquire();
  const words: number[] = [];
  threads.waitOn = (_address: number, value: number) => {
    words.push(value);
    if (words.length === 5) one.release();
  };
  other.acquire();
  assert.is(words.length, 5);
  assert.ok(
    words.every((word) => (word & WAITERS) !== 0),
    "asleep only on a word that says so",
  );
});

test("from a dead holder the lock is taken over, and what it left is repaired first", () => {
  const { threads, m, claims, one, other } = bench();
  one.acquire();
  threads.kill(1);
  const seen: number[] = [];
  other.recoverPending = () => seen.push(m[Control.lock]!);
  other.acquire();
  assert.equal(seen, [claims[1]! | WAITERS], "repaired once, under the lock");
  other.release();
  other.acquire();
  assert.is(seen.length, 1);
});

test("a death in the middle of the recover: the next one recoveries again", () => {
  const { window, threads, one, other } = bench();
  threads.current = 3;
  claim(window, threads, entryOf(2));
  const third = new Lock(window, threads, claimOf(window.words, entryOf(2)));
  one.acquire();
  threads.kill(1);
  other.recoverPending = () => {
    throw new Error("dies here");
  };
  assert.throws(() => other.acquire(), /dies here/);
  threads.kill(2);
  let recoveries = 0;
  third.recoverPending = () => recoveries++;
  third.acquire();
  assert.is(recoveries, 1);
});

test("a holder whose heap another thread has claimed since is dead, though the heap's thread lives", () => {
  const { window, threads, one, other } = bench();
  one.acquire();
  threads.kill(1);
  threads.current = 7;
  claim(window, threads, entryOf(0));
  let recoveries = 0;
  other.recoverPending = () => recoveries++;
  other.acquire();
  assert.is(recoveries, 1);
  other.release();
  disclaim(window, threads, entryOf(0));
});

test("of two that find the holder dead one gets the lock, and the other waits for it", () => {
  const { window, threads, one, other } = bench();
  threads.current = 3;
  claim(window, threads, entryOf(2));
  const third = new Lock(window, threads, claimOf(window.words, entryOf(2)));
  one.acquire();
  threads.kill(1);
  const exchange = window.compareExchange.bind(window);
  let raced = false;
  window.compareExchange = (word, expected, value) => {
    if (expected !== 0 && !raced) {
      raced = true;
      third.acquire(); // faster by a moment
    }
    return exchange(word, expected, value);
  };
  let slept = 0;
  threads.waitOn = () => {
    slept++;
    third.release();
  };
  other.acquire();
  assert.ok(raced);
  assert.is(slept, 1);
});

test.run();
