/**
 * The page where threads meet: found, made, or made by another thread at the same moment.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Window } from "../../src/memory/memory.js";
import type { Os } from "../../src/platform/os.js";
import { meet } from "../../src/shared/rendezvous.js";
import { throwsHeapError } from "../support/throws.js";

const PAGE = 4096;
const BASE = 0x10_0000_0000;

/** An operating system with one page to share; what happens at share() is the test's. */
class OnePage {
  readonly pageSize = PAGE;
  readonly page = new ArrayBuffer(PAGE);
  readonly heap = new ArrayBuffer(PAGE);
  readonly places: number[] = [];
  readonly events: string[] = [];
  at = 0;
  /** What lies at other places. */
  readonly peeks = new Map<number, Uint8Array>();
  locks = true;
  onShare: (address: number) => boolean = (address) => {
    this.at = address;
    return true;
  };

  readonly threads = {
    robust: true,
    initializeMutex: (target: Uint8Array) => target.fill(7, 0, 8),
    lockMutex: () => {
      this.events.push("lock");
      return this.locks;
    },
    unlockMutex: () => this.events.push("unlock"),
  };

  peek(address: number, bytes: number): Uint8Array | null {
    if (address !== this.at) return this.peeks.get(address) ?? null;
    return new Uint8Array(this.page).slice(0, bytes);
  }

  share(_name: string, address: number, contents: Uint8Array): boolean {
    this.places.push(address);
    const shared = this.onShare(address);
    if (this.at === address) new Uint8Array(this.page).set(contents); // whoever put it there
    return shared;
  }

  view(address: number, bytes: number): ArrayBuffer {
    assert.is(bytes, PAGE);
    return address === BASE ? this.heap : this.page;
  }

  get os(): Os {
    return this as unknown as Os;
  }

  open = (): Window => {
    this.events.push("open");
    return new Window(BASE, this.heap);
  };
}

test("the first opens the window under the mutex, the next finds it", () => {
  const one = new OnePage();
  const first = meet(one.os, one.open);
  assert.equal(one.events, ["lock", "open", "unlock"]);
  assert.is(new Uint8Array(one.page)[64], 7, "the page came with its mutex");
  const second = meet(one.os, one.open);
  assert.equal(one.events, ["lock", "open", "unlock", "lock", "unlock"]);
  assert.is(second.base, first.base);
  assert.is(second.span, first.span);
  assert.is(one.places.length, 1);
});

test("another thread that is faster with the page: both use its page", () => {
  const one = new OnePage();
  one.onShare = (address) => {
    one.at = address;
    return false;
  };
  meet(one.os, one.open);
  assert.is(one.places.length, 1);
});

test("a place that is taken by something else: the next one", () => {
  const one = new OnePage();
  one.onShare = (address) => {
    if (one.places.length < 3) return false;
    one.at = address;
    return true;
  };
  meet(one.os, one.open);
  assert.is(one.at, one.places[2]);
});

test("what another version put at a place, or anybody else, is not taken for the page", () => {
  const one = new OnePage();
  const strangers = ["heapwright-layout-1", "heapwright-layout-22", "", "x".repeat(32)];
  one.onShare = (address) => {
    if (one.places.length === strangers.length) one.at = address;
    else one.peeks.set(address, Buffer.from(strangers[one.places.length - 1]!.padEnd(32, "\0")));
    return one.at === address;
  };
  meet(one.os, one.open);
  assert.is(one.at, one.places[3]);
});

test("a page at a later place is found, though an earlier place has become free", () => {
  const one = new OnePage();
  one.onShare = (address) => {
    if (one.places.length === 2) one.at = address;
    return one.at === address;
  };
  const first = meet(one.os, one.open);
  const second = meet(one.os, one.open);
  assert.is(one.events.filter((event) => event === "open").length, 1);
  assert.is(second.base, first.base);
  assert.is(one.places.length, 2);
});

test("no place at all is an error that says why", () => {
  const one = new OnePage();
  one.onShare = () => false;
  throwsHeapError(
    () => meet(one.os, one.open),
    "ERR_UNSUPPORTED_PLATFORM",
    /memfd_create or mmap was refused/,
  );
  assert.is(one.places.length, 4);
});

test("a mutex that cannot be locked is an error, and the window is not opened", () => {
  const one = new OnePage();
  one.locks = false;
  throwsHeapError(() => meet(one.os, one.open), "ERR_UNSUPPORTED_PLATFORM", /could not lock the mutex/);
  assert.equal(one.events, ["lock"]);
});

test("threads whose mutexes are of two kinds do not meet, and are told", () => {
  const one = new OnePage();
  meet(one.os, one.open);
  one.threads.robust = false;
  throwsHeapError(
    () => meet(one.os, one.open),
    "ERR_UNSUPPORTED_PLATFORM",
    /robust mutexes .* not for others/,
  );
  assert.equal(one.events, ["lock", "open", "unlock"]);
});

test("when the window cannot be opened the mutex is given back, and the next one tries again", () => {
  const one = new OnePage();
  assert.throws(
    () =>
      meet(one.os, () => {
        throw new Error("no memory");
      }),
    /no memory/,
  );
  assert.equal(one.events, ["lock", "unlock"]);
  meet(one.os, one.open);
  assert.equal(one.events.slice(2), ["lock", "open", "unlock"]);
});

test.run();
