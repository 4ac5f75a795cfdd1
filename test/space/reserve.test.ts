/**
 * Where the heap lies: the range from the break under every limit, the gaps taken instead, and the large blocks' part.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES, CONTROL_BYTES, Control } from "../../src/memory/control.js";
import { SMALL_LIMIT, type Window, ZONE_LIMIT } from "../../src/memory/memory.js";
import { defaultReserve, placeWindow, setLargeRange } from "../../src/space/reserve.js";
import { type FakeOptions, FakeOs, MIB, PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

const GIB = 2 ** 30;
const ROOM_FOR_LIBC = 2 ** 34;

function place(reserve: number, options: FakeOptions = {}, prepare?: (os: FakeOs) => void) {
  const os = new FakeOs(options);
  const breakBefore = os.currentBreak();
  prepare?.(os);
  return { os, breakBefore, ...placeWindow(os, reserve) };
}

test("the range starts at the first page at the break, is sealed, and has a guard right above", () => {
  const { os, breakBefore, window, breakChunks } = place(16 * MIB);
  assert.is(breakChunks, 16);
  assert.is(window.base, Math.ceil(breakBefore / PAGE) * PAGE);
  assert.is(os.currentBreak(), window.base + 16 * MIB);
  assert.ok(os.isMapped(window.base, 16 * MIB + PAGE));
  assert.is(os.moveBreak(1), -1, "nobody moves the break any more");
  assert.is(os.count("seal"), 1);
  assert.is(window.span, 64 * MIB);
});

test("at most half of a narrow window comes from the break", () => {
  assert.is(place(GIB).breakChunks, 32);
});

test("defaultReserve: all of a zone that large blocks do not need, else half the window", () => {
  for (const base of [SMALL_LIMIT - 100 * MIB, SMALL_LIMIT, 2 ** 36]) {
    assert.is(defaultReserve(2 ** 40, base), ZONE_LIMIT);
    assert.is(defaultReserve(ZONE_LIMIT, base), ZONE_LIMIT / 2);
    assert.is(defaultReserve(64 * MIB, base), 32 * MIB);
  }
});

test("defaultReserve: half of what is below 2 GiB, in whole chunks, where the break is low", () => {
  for (const span of [2 ** 40, ZONE_LIMIT]) {
    assert.is(defaultReserve(span, 200 * MIB + 12345), 923 * MIB);
    assert.is(defaultReserve(span, 1075 * MIB), 486 * MIB);
  }
  assert.is(defaultReserve(64 * MIB, 200 * MIB), 32 * MIB, "and no more than half of a narrow window");
});

test("the break is asked for less and less, down to 8 MiB", () => {
  const { os, breakChunks } = place(32 * MIB, { breakRoom: 20 * MIB });
  assert.is(breakChunks, 16);
  assert.is(os.count("moveBreak"), 2);
  assert.is(place(32 * MIB, { breakRoom: 9 * MIB }).breakChunks, 8);
});

for (const [why, reserve, options] of [
  [
    "the break is refused and below 2 GiB too little is free",
    32 * MIB,
    { breakRoom: 7 * MIB, breakAt: 1980 * MIB },
  ],
  ["this thread may not move the break", 32 * MIB, { mayMoveBreak: false }],
  ["the settings ask for none", 0, {}],
  ["less than 8 MiB is allowed", 32 * MIB, { dataLimit: 63 * MIB }],
] as const) {
  test(`a gap far above the break is used when ${why}`, () => {
    const { os, window, breakChunks, breakBefore } = place(reserve, options);
    assert.is(breakChunks, 0);
    assert.is(os.currentBreak(), breakBefore);
    assert.ok(window.base >= breakBefore + ROOM_FOR_LIBC);
    assert.is(window.base % CHUNK_BYTES, 0);
    assert.ok(os.isMapped(window.base, CONTROL_BYTES), "the control block");
    assert.not.ok(os.isMapped(window.base, CONTROL_BYTES + 1), "and nothing else");
  });
}

test("where the break is refused, the range is mapped above what lies there: half of the space up to 2 GiB", () => {
  const code = 300 * MIB;
  const blocked = (os: FakeOs) => os.map(code, 512 * MIB); // as V8's code
  const { os, breakBefore, window, breakChunks } = place(
    GIB,
    { viewLimit: 4 * GIB, breakAt: code - 2 * MIB },
    blocked,
  );
  assert.is(window.base, code + 512 * MIB);
  assert.is(breakChunks, (2048 - 812) / 2);
  assert.is(os.currentBreak(), breakBefore);
  assert.ok(os.isMapped(window.base, breakChunks * CHUNK_BYTES));
  assert.not(os.isMapped(window.base + breakChunks * CHUNK_BYTES, 1), "large blocks share the rest");
  setLargeRange(window, breakChunks, PAGE);
  assert.is(window.words[Control.lowLimit], (2048 * MIB - window.base) / PAGE);
});

test("where it is refused with nothing above it, libc keeps some room", () => {
  const { breakBefore, window } = place(GIB, { viewLimit: 4 * GIB, breakAt: 100 * MIB + 5, breakRoom: 0 });
  assert.is(window.base, Math.ceil((breakBefore + 64 * MIB) / MIB) * MIB);
});

test("where it is refused and above 2 GiB, the range begins below at random, and takes no more than is asked", () => {
  const bases = new Set<number>();
  for (let i = 0; i < 10; i++) {
    const { window, breakChunks } = place(32 * MIB, { viewLimit: 4 * GIB, breakRoom: 0 });
    assert.ok(window.base >= 256 * MIB && window.base <= 768 * MIB, `${window.base}`);
    assert.is(breakChunks, 32);
    bases.add(window.base);
  }
  assert.ok(bases.size > 1);
});

test("where that mapping is refused, too, a gap far above the break is used", () => {
  const refuseFirst = (os: FakeOs) => {
    const map = os.map.bind(os);
    os.map = (address, bytes) => (address < SMALL_LIMIT ? -1 : map(address, bytes));
  };
  const { window, breakChunks, breakBefore } = place(32 * MIB, { breakRoom: 0 }, refuseFirst);
  assert.is(breakChunks, 0);
  assert.ok(window.base >= breakBefore + ROOM_FOR_LIBC);
});

test("the break is not even tried when it may not be moved or is not wanted", () => {
  assert.is(place(0).os.count("moveBreak"), 0);
  assert.is(place(32 * MIB, { mayMoveBreak: false }).os.count("moveBreak"), 0);
});

test("of a resource limit an eighth is taken, of the lower one", () => {
  assert.is(place(32 * MIB, { dataLimit: 100 * MIB }).breakChunks, 12);
  assert.is(place(32 * MIB, { addressSpaceLimit: 200 * MIB }).breakChunks, 25);
  assert.is(place(32 * MIB, { dataLimit: 100 * MIB, addressSpaceLimit: 200 * MIB }).breakChunks, 12);
  assert.is(place(32 * MIB, { dataLimit: 100 * GIB }).breakChunks, 32);
});

test("where reservations count, 64 MiB are the most", () => {
  assert.is(place(GIB, { viewLimit: 256 * MIB }).breakChunks, 128);
  assert.is(place(GIB, { viewLimit: 256 * MIB, countsReservations: true }).breakChunks, 64);
});

test("guard and seal may be refused: the range is used all the same", () => {
  const { breakChunks } = place(16 * MIB, {}, (os) => os.refused.add("guard").add("seal"));
  assert.is(breakChunks, 16);
});

test("the gap lies between mappings, and is as wide as the window", () => {
  const { window } = place(0, {}, (os) => {
    const above = Math.ceil((os.currentBreak() + ROOM_FOR_LIBC) / CHUNK_BYTES) * CHUNK_BYTES;
    os.map(above + 32 * MIB, PAGE); // leaves too little below it
    os.map(above + 65 * MIB, PAGE); // and between
  });
  assert.is(window.span, 64 * MIB);
  const above = Math.ceil((new FakeOs().currentBreak() + ROOM_FOR_LIBC) / CHUNK_BYTES) * CHUNK_BYTES;
  assert.is(window.base, above + 66 * MIB);
});

test("a narrower window is taken where no gap is wide enough for the widest", () => {
  const { window } = place(0, { viewLimit: 256 * MIB }, (os) => {
    // From here to the stack no 256 MiB are free, but 128 MiB are.
    const above = Math.ceil((os.currentBreak() + ROOM_FOR_LIBC) / CHUNK_BYTES) * CHUNK_BYTES;
    os.map(above + 130 * MIB, 0x7ffd_0000_0000 - above - 130 * MIB);
  });
  assert.is(window.span, 128 * MIB);
});

test("without /proc the place above the break is tried unseen", () => {
  const { window, breakBefore } = place(0, {}, (os) => os.refused.add("mappings"));
  assert.is(window.base, Math.ceil((breakBefore + ROOM_FOR_LIBC) / CHUNK_BYTES) * CHUNK_BYTES);
});

test("no place for the control block is ERR_OUT_OF_MEMORY that says what to raise", () => {
  throwsHeapError(() => place(0, {}, (os) => os.refused.add("map")), "ERR_OUT_OF_MEMORY", /ulimit/);
  throwsHeapError(() => place(0, { viewLimit: 32 * MIB }), "ERR_OUT_OF_MEMORY");
});

test("large blocks get what is above the range from the break, and at most half of a narrow window", () => {
  const { window } = place(32 * MIB);
  setLargeRange(window, 32, PAGE);
  const m = window.words;
  assert.is(m[Control.largeFirst], (33 * MIB) / PAGE, "the chunk with the guard page is left out");
  assert.is(m[Control.largeLimit], (64 * MIB) / PAGE);
  assert.is(m[Control.largeNext], m[Control.largeFirst]);
  assert.is(m[Control.largeGapEnd], m[Control.largeLimit]);
  setLargeRange(window, 8, PAGE);
  assert.is(m[Control.largeFirst], (32 * MIB) / PAGE);
});

test("in a wide window large blocks begin where the zone ends", () => {
  const words = new Int32Array(64);
  setLargeRange({ span: 2 ** 40, words } as unknown as Window, 4096, PAGE);
  assert.is(words[Control.largeFirst], ZONE_LIMIT / PAGE);
  assert.is(words[Control.largeLimit], 2 ** 40 / PAGE);
});

test("with the break below 2 GiB large blocks lie behind the range up to there, and chunks are mapped from there on", () => {
  const { window, breakChunks } = place(2 ** 32, { viewLimit: 512 * MIB, breakAt: SMALL_LIMIT - 200 * MIB });
  assert.is(breakChunks, 100);
  assert.ok(window.base < SMALL_LIMIT);
  setLargeRange(window, breakChunks, PAGE);
  const m = window.words;
  assert.is(m[Control.lowFirst], (101 * MIB) / PAGE);
  assert.is(m[Control.lowLimit], (200 * MIB) / PAGE);
  assert.is(m[Control.nextMapped], 200);
  assert.equal([m[Control.largeFirst], m[Control.largeLimit]], [(256 * MIB) / PAGE, (512 * MIB) / PAGE]);
});

test("with the break above, or without a range from it, there is no such part", () => {
  for (const [at, chunks] of [
    [SMALL_LIMIT + 10 * MIB, 100],
    [SMALL_LIMIT - 100 * MIB, 0],
  ] as const) {
    const { window } = place(0, { viewLimit: 512 * MIB, breakAt: at });
    setLargeRange(window, chunks, PAGE);
    assert.equal([window.words[Control.lowFirst], window.words[Control.lowLimit]], [0, 0]);
  }
});

test.run();
