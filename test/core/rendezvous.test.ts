/**
 * The page where threads meet: found, made, or made by another thread at the same moment.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Window } from "../../src/core/memory.js";
import type { Os } from "../../src/core/os.js";
import { meet } from "../../src/core/rendezvous.js";
import { throwsHeapError } from "./throws.js";

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
  locks = true;
  onShare: (address: number) => boolean = (address) => {
    this.at = address;
    return true;
  };

  readonly threads = {
    initializeMutex: (target: Uint8Array) => target.fill(7, 0, 8),
    lockMutex: () => {
      this.events.push("lock");
      return this.locks;
    },
    unlockMutex: () => this.events.push("unlock"),
  };

  findShared(): number {
    return this.at;
  }

  share(_name: string, address: number, contents: Uint8Array): boolean {
    this.places.push(address);
    if (!this.onShare(address)) return false;
    new Uint8Array(this.page).set(contents);
    return true;
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
