/**
 * The operating system: reading /proc/self/maps, every call on this very kernel, and the stand-in for platforms that
 * cannot carry the heap.
 */

import { once } from "node:events";
import { createRequire } from "node:module";
import { isMainThread, Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FAILED, openOs, parseMappings } from "../../src/platform/os.js";
import { isEmulated } from "../support/surroundings.js";
import { throwsHeapError } from "../support/throws.js";

const os = openOs();
const PAGES = 4 * os.pageSize;

/** An address where nothing is: above the break, below everything that mmap chooses by itself. */
function freePlace(): number {
  const start = Math.ceil((os.currentBreak() + 2 ** 38) / os.pageSize) * os.pageSize;
  const taken = os.mappings().some(([from, to]) => from < start + 2 ** 30 && start < to);
  assert.not.ok(taken, "the place is free");
  return start;
}

function isMapped(address: number): boolean {
  return os.mappings().some(([from, to]) => from <= address && address < to);
}

test("the address columns of /proc/self/maps, and nothing else of it", () => {
  const text = [
    "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon",
    "7f1234567000-7f123456a000 rw-p 00000000 00:00 0 ",
    "",
    "nonsense",
    "-12 r-xp",
    "12-34",
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
    "",
  ].join("\n");
  assert.equal(parseMappings(text), [
    [0x400000, 0x452000],
    [0x7f1234567000, 0x7f123456a000],
  ]);
  assert.equal(parseMappings(""), []);
});

test("a worker may not move the break", async () => {
  const workerData = {
    module: new URL("./in-worker.ts", import.meta.url).href,
    run: "mayMoveBreak",
    args: [],
  };
  const worker = new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), { workerData });
  assert.equal(await once(worker, "message"), [false]);
});

test("page size, limits and the break are what they can be", () => {
  assert.ok(Number.isInteger(Math.log2(os.pageSize)) && os.pageSize >= 4096);
  assert.ok(os.viewLimit >= 2 ** 32 - 1);
  assert.ok(os.currentBreak() > 0);
  assert.is(os.mayMoveBreak, isMainThread);
  assert.type(os.countsReservations, "boolean");
  for (const which of ["data", "addressSpace"] as const) {
    const limit = os.resourceLimit(which);
    assert.ok(limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && limit > 0), which);
  }
});

test("the break moves up and says where it was, or stays where libc refuses", () => {
  const before = os.currentBreak();
  const refused = os.moveBreak(os.pageSize) === FAILED;
  assert.is(os.currentBreak(), refused ? before : before + os.pageSize);
});

test("map gives zeroed pages exactly there, never over others, until unmap", () => {
  const at = freePlace();
  assert.is(os.map(at, PAGES), at);
  assert.is(os.map(at, PAGES), -1, "over itself");
  assert.is(os.map(at + os.pageSize, os.pageSize), -1, "inside");
  assert.is(os.guard(at, os.pageSize), -1, "guards are mappings as well");
  assert.ok(isMapped(at));
  const bytes = new Uint8Array(os.view(at, PAGES));
  assert.ok(bytes.every((byte) => byte === 0));
  bytes.fill(7);
  assert.ok(os.unmap(at, PAGES));
  assert.not.ok(isMapped(at));
  assert.is(os.map(at, PAGES), at);
  assert.ok(
    bytes.every((byte) => byte === 0),
    "another mapping, zeroed again",
  );
  os.unmap(at, PAGES);
});

test("random bytes come from the kernel, into the memory itself and nowhere else", () => {
  const at = freePlace();
  os.map(at, PAGES);
  const bytes = new Uint8Array(os.view(at, PAGES));
  const seen = new Set<string>();
  for (let i = 0; i < 8; i++) {
    assert.ok(os.randomize(at + 16, 8));
    seen.add(bytes.slice(16, 24).join());
  }
  assert.is(seen.size, 8);
  assert.ok(bytes.every((byte, i) => (i >= 16 && i < 24) || byte === 0));
  os.unmap(at, PAGES);
  assert.not.ok(os.randomize(at, 8), "where nothing is mapped");
});

test("what the kernel refuses is told by the result", () => {
  assert.is(os.map(1, PAGES), -1);
  assert.not.ok(os.unmap(1, PAGES));
  assert.not.ok(os.resizeInPlace(freePlace(), PAGES, 2 * PAGES));
  if (!isEmulated()) assert.not.ok(os.discard(freePlace(), PAGES)); // qemu takes it for mere advice
  assert.not.ok(os.seal(1, PAGES));
  assert.not.ok(os.move(freePlace(), PAGES, PAGES, freePlace() + 2 ** 29));
});

test("guard takes the place, and nobody can touch it", () => {
  const at = freePlace();
  assert.is(os.guard(at, PAGES), at);
  assert.is(os.map(at, PAGES), -1);
  assert.ok(os.unmap(at, PAGES));
});

test("discarded pages read as zero and stay mapped", () => {
  const at = freePlace();
  os.map(at, PAGES);
  const bytes = new Uint8Array(os.view(at, PAGES)).fill(9);
  assert.ok(os.discard(at + os.pageSize, os.pageSize));
  assert.is(bytes[os.pageSize - 1], 9);
  assert.is(bytes[os.pageSize], 0);
  assert.is(bytes[2 * os.pageSize], 9);
  assert.ok(isMapped(at + os.pageSize));
  os.unmap(at, PAGES);
});

test("a mapping grows and shrinks in place, not into its neighbour", () => {
  const at = freePlace();
  os.map(at, PAGES);
  assert.ok(os.resizeInPlace(at, PAGES, 2 * PAGES));
  assert.ok(isMapped(at + 2 * PAGES - 1));
  assert.ok(os.resizeInPlace(at, 2 * PAGES, PAGES));
  assert.not.ok(isMapped(at + PAGES));
  os.guard(at + PAGES, PAGES);
  assert.not.ok(os.resizeInPlace(at, PAGES, 2 * PAGES));
  os.unmap(at, 2 * PAGES);
});

test("a mapping moves with what is in it", () => {
  const at = freePlace();
  const target = at + 2 ** 28;
  os.map(at, PAGES);
  os.map(target, 2 * PAGES);
  new Uint8Array(os.view(at, PAGES)).fill(5);
  assert.ok(os.move(at, PAGES, 2 * PAGES, target));
  assert.not.ok(isMapped(at));
  const moved = new Uint8Array(os.view(target, 2 * PAGES));
  assert.is(moved[0], 5);
  assert.is(moved[PAGES - 1], 5);
  assert.is(moved[PAGES], 0);
  os.unmap(target, 2 * PAGES);
});

test("what lies at an address is told whether anything does", () => {
  const at = freePlace();
  assert.is(os.peek(at, 16), null, "nothing is mapped");
  os.map(at, os.pageSize);
  new Uint8Array(os.view(at, 16)).fill(3);
  assert.equal(
    os.peek(at + 8, 16),
    Uint8Array.from({ length: 16 }, (_, i) => (i < 8 ? 3 : 0)),
  );
  assert.is(os.peek(at + os.pageSize - 8, 16), null, "half of it is mapped");
  os.unmap(at, os.pageSize);
  os.guard(at, os.pageSize);
  assert.is(os.peek(at, 16), null, "nobody may read it");
  os.unmap(at, os.pageSize);
});

test("a page is shared with its contents, once", () => {
  const at = freePlace();
  const contents = new Uint8Array(os.pageSize).fill(6);
  assert.ok(os.share("heapwright-test", at, contents));
  assert.equal(os.peek(at, os.pageSize), contents);
  assert.not.ok(os.share("heapwright-test", at, new Uint8Array(os.pageSize)), "something lies there");
  assert.equal(os.peek(at, os.pageSize), contents);
  os.unmap(at, os.pageSize);
});

/** openOs() as it would be with other properties of the process. */
function openWith(property: "platform" | "arch" | "versions", value: unknown) {
  const descriptor = Object.getOwnPropertyDescriptor(process, property)!;
  Object.defineProperty(process, property, { ...descriptor, value });
  try {
    return openOs();
  } finally {
    Object.defineProperty(process, property, descriptor);
  }
}

const old = (node: string) => ({ ...process.versions, node });
for (const [property, value, why] of [
  ["platform", "darwin", /the platform is darwin/],
  ["arch", "ia32", /the processor is ia32/],
  ["versions", old("18.20.0"), /Node is 18\.20\.0/],
  ["versions", old("20.16.9"), /Node is 20\.16\.9/],
] as const) {
  test(`opening is harmless where ${String(why)}; using it throws the reason`, () => {
    const standIn = openWith(property, value);
    assert.is(standIn.mayMoveBreak, false);
    for (const call of ["pageSize", "viewLimit", "map", "view", "mappings"] as const) {
      throwsHeapError(() => standIn[call], "ERR_UNSUPPORTED_PLATFORM", why);
    }
  });
}

test("the oldest supported Node and arm64 are not refused", () => {
  assert.ok(openWith("versions", old("20.17.0")).pageSize > 0);
  assert.ok(openWith("arch", "arm64").pageSize > 0);
});

test("koffi that cannot be loaded is told with its cause", () => {
  const { cache } = createRequire(import.meta.url);
  for (const path of Object.keys(cache)) if (path.includes("koffi")) delete cache[path];
  const { dlopen } = process;
  process.dlopen = () => {
    throw new Error("add-ons are disabled");
  };
  try {
    const error = throwsHeapError(
      () => openOs().pageSize,
      "ERR_UNSUPPORTED_PLATFORM",
      /koffi could not be loaded/,
    );
    assert.instance(error.cause, Error);
  } finally {
    process.dlopen = dlopen;
  }
});

test.run();
