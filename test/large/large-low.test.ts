/**
 * With the break below 2 GiB: large blocks below that while there is room, chunks of the heap from there on, and nothing
 * out of memory before the window is full.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES } from "../../src/memory/control.js";
import { type Pointer, SMALL_LIMIT } from "../../src/memory/memory.js";
import { control, type FakeHeap, fakeHeap, take, takeBlock, verify } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";

/** 80 MiB from the break, 79 for large blocks up to 2 GiB, 96 for chunks and 256 for large blocks above. */
const BELOW = 160 * MIB;
const SPAN = 512 * MIB;

function lowHeap(): FakeHeap {
  return fakeHeap({}, { viewLimit: SPAN, breakAt: SMALL_LIMIT - BELOW });
}

function map(of: FakeHeap, bytes: number, alignment = 16): Pointer {
  const pointer = of.heap.large.allocate(bytes - 16, alignment);
  assert.is.not(pointer, 0, `no room for ${bytes} bytes`);
  return pointer;
}

function unmap(of: FakeHeap, pointer: Pointer): void {
  assert.ok(of.heap.large.free(pointer) >= 0, "live");
}

test("large blocks lie below 2 GiB while there is room, then above, without a look at the mappings", () => {
  const of = lowHeap();
  const pointers = Array.from({ length: 100 }, () => map(of, MIB));
  assert.is(pointers.filter((pointer) => pointer < SMALL_LIMIT).length, 79);
  const first = of.heap.window.base + 81 * MIB;
  assert.equal([pointers[0], pointers[78]], [first + 16, first + 78 * MIB + 16]);
  assert.is(pointers[79], of.heap.window.base + 256 * MIB + 16);
  assert.is(of.os.count("mappings"), 0);
  verify(of);
});

test("one that is too large for what is left below lies above, and smaller ones go on below", () => {
  const of = lowHeap();
  map(of, 60 * MIB);
  assert.ok(map(of, 30 * MIB) > SMALL_LIMIT);
  assert.ok(map(of, 10 * MIB) < SMALL_LIMIT);
  assert.is(of.os.count("mappings"), 0);
});

test("what is given back below is used again: by place, by size, and after a share of it by a look", () => {
  const of = lowHeap();
  const pointers = Array.from({ length: 79 }, () => map(of, MIB));
  unmap(of, pointers[20]!);
  assert.is(map(of, MIB), pointers[20], "the gap is known");
  for (const i of [20, 40, 41]) unmap(of, pointers[i]!);
  assert.is(map(of, MIB), pointers[20]);
  assert.ok(map(of, MIB) > SMALL_LIMIT, "the gap of two is not known, and too little for a look");
  assert.is(of.os.count("mappings"), 0);
  for (const i of [60, 62, 64, 66]) unmap(of, pointers[i]!);
  assert.is(map(of, MIB), pointers[60]);
  assert.is(map(of, 2 * MIB), pointers[40], "found by a look");
  assert.is(of.os.count("mappings"), 1);
  verify(of);
});

test("while the lower part is full of holes too small, blocks above cost no looks", () => {
  const of = lowHeap();
  const pointers = Array.from({ length: 79 }, () => map(of, MIB));
  for (let i = 1; i < pointers.length; i += 2) unmap(of, pointers[i]!);
  const above = map(of, 2 * MIB);
  const looks = of.os.count("mappings");
  assert.ok(looks <= 1, `${looks} looks`);
  unmap(of, above);
  for (let i = 0; i < 1000; i++) unmap(of, map(of, 2 * MIB));
  assert.is(of.os.count("mappings"), looks);
});

test("what others have mapped below 2 GiB is gone around", () => {
  const of = lowHeap();
  const { base } = of.heap.window;
  of.os.map(base + 90 * MIB, 10 * MIB);
  const pointers = Array.from({ length: 69 }, () => map(of, MIB));
  assert.ok(pointers.every((pointer) => pointer < SMALL_LIMIT));
  assert.ok(of.os.count("mappings") <= 3, `${of.os.count("mappings")} looks`);
  assert.ok(map(of, MIB) > SMALL_LIMIT);
  verify(of);
});

test("alignments above the page, below 2 GiB", () => {
  const of = lowHeap();
  for (const alignment of [64, PAGE, 64 * 1024, 4 * MIB]) {
    const pointer = map(of, 300_000, alignment);
    assert.is(pointer % alignment, 0);
    assert.ok(pointer < SMALL_LIMIT);
  }
});

test("a block that grows behind the last one stays where it is, and what comes next lies behind it", () => {
  const of = lowHeap();
  const pointer = map(of, MIB);
  assert.is(of.heap.large.resize(pointer, 3 * MIB - 16), pointer);
  assert.is(map(of, MIB), pointer + 3 * MIB);
});

test("chunks beyond the range from the break are mapped from 2 GiB on", () => {
  const of = lowHeap();
  const { segments } = of.heap.wilderness;
  while (segments.count === 1) take(of, MIB);
  assert.ok(segments.end(0) * 4 <= 80 * CHUNK_BYTES);
  assert.is(segments.chunkStart(1) * 4, BELOW);
  const pointer = map(of, 40 * MIB);
  assert.ok(pointer < SMALL_LIMIT, "what is below is left to large blocks");
  verify(of);
});

test("large blocks alone fill all that the range from the break leaves", () => {
  const of = lowHeap();
  let bytes = 0;
  for (let size = 16 * MIB; size >= MIB; ) {
    if (of.heap.large.allocate(size - 16, 16) === 0) size /= 2;
    else bytes += size;
  }
  assert.ok(bytes >= SPAN - 82 * MIB, `${bytes / MIB} MiB`);
  verify(of);
});

test("the heap alone fills the whole window", () => {
  const of = lowHeap();
  let bytes = 0;
  while (takeBlock(of.heap, MIB) !== 0) bytes += MIB;
  assert.ok(bytes >= SPAN * 0.95, `${bytes / MIB} MiB`);
  verify(of);
});

test("blocks of all sizes that come and go never overlap, and lie in the window", () => {
  const of = lowHeap();
  const random = new Random(testSeed("large-low"));
  const live: Array<[Pointer, number]> = [];
  for (let i = 0; i < 3000; i++) {
    if (random.int(0, 1) === 0 && live.length > 0) {
      const [[pointer]] = live.splice(random.int(0, live.length - 1), 1) as [[Pointer, number]];
      unmap(of, pointer);
    } else {
      const size = random.int(1, 500) * PAGE;
      const pointer = of.heap.large.allocate(size - 16, 16);
      if (pointer !== 0) live.push([pointer, size]);
    }
  }
  live.sort((one, other) => one[0] - other[0]);
  for (let i = 1; i < live.length; i++)
    assert.ok(live[i - 1]![0] + live[i - 1]![1] <= live[i]![0], "no overlap");
  assert.is(control(of, "largeCount"), live.length);
  verify(of);
});

test("under a limit on address space nothing is mapped, or grows, that leaves the process too little", () => {
  const of = fakeHeap({ reserve: 0 }, { addressSpaceLimit: 2 ** 34 });
  assert.is(control(of, "headroomPages"), (128 * MIB) / PAGE);
  const pointer = map(of, MIB);
  of.os.refused.add("couldMap");
  const before = of.os.count("map");
  assert.is(of.heap.large.allocate(MIB, 16), 0);
  assert.is(of.heap.large.resize(pointer, 2 * MIB), 0);
  assert.is(of.heap.wilderness.segments.open(1000, 0, 2), -1);
  assert.is(of.os.count("map"), before);
  assert.is(of.heap.large.resize(pointer, MIB / 2), pointer, "what shrinks needs none");
  of.os.refused.clear();
  assert.is(of.heap.large.resize(pointer, MIB - 16), pointer);
  assert.is(control(fakeHeap(), "headroomPages"), 0);
});

test.run();
