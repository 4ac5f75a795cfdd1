/**
 * Wrong accesses, caught: through this library at once, by C or through old views when the block is freed, resized or checked. Each
 * names the block that was meant, with the lines that allocated and freed it.
 */
import { inspect } from "node:util";
import { createContext, Script } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import { writeFree } from "../../src/block/block.js";
import "../../src/debug/index.js";
import {
  Arena,
  alignedAlloc,
  alignedRealloc,
  buffer,
  calloc,
  check,
  compare,
  configure,
  copy,
  cstring,
  fill,
  free,
  goodSize,
  Heap,
  HeapError,
  malloc,
  NULL,
  offset,
  owns,
  type Pointer,
  read,
  readCString,
  realloc,
  recalloc,
  struct,
  typed,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { refused } from "../support/throws.js";

configure({ debug: true });

const ROUNDS_OF_TIMEOUTS = 60;

function allocateHere(size: number): Pointer {
  return malloc(size);
}

function freeHere(pointer: Pointer): void {
  free(pointer);
}

/** Writes as C would, past all checks: by a view that was made while the bytes were the program's, or a larger block around. */
function pokeAt(address: number, byte: number): void {
  raw[address - rawBase] = byte;
}
const rawBlock = malloc(16);
const raw = new Uint8Array(view(rawBlock, 16).buffer);
const rawBase = rawBlock - view(rawBlock, 16).byteOffset;

for (const size of [0, 1, 24, 100, 1000, 9208, 20_000, 100_000, 500_000]) {
  test(`a block of ${size} bytes can be used to its last byte, and no further, by all that reads and writes`, () => {
    const block = allocateHere(size);
    assert.is(usableSize(block), size);
    if (size > 0) {
      write.u8(block, 7, size - 1);
      assert.is(read.u8(block, size - 1), 7);
      fill(block, 1, size);
      assert.is(view(block).length, size);
    }
    const past = new RegExp(
      `past the end of the block of ${size} bytes at 0x[0-9a-f]+\\n +allocated by malloc\\n +at allocateHere`,
    );
    refused("ERR_OUT_OF_BOUNDS", () => read.u8(block, size), /^read.u8: 1 byte at/, /begin 0 bytes/, past);
    refused("ERR_OUT_OF_BOUNDS", () => write.u8(offset(block, size), 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => write.f64(block, 1, size - 4), /4 bytes (past|before)|begin/);
    refused("ERR_OUT_OF_BOUNDS", () => view(block, size + 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => buffer(block, size + 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => typed(Uint8Array, block, size + 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => fill(block, 0, size + 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => copy(rawBlock, block, size + 1));
    refused("ERR_OUT_OF_BOUNDS", () => compare(block, block, size + 1), past);
    refused("ERR_OUT_OF_BOUNDS", () => read.u8(block, -1));
    free(block);
  });
}

test("records are looked at with each field, and strings to their NUL", () => {
  const Pair = struct({ a: "u32", b: "u32" });
  const small = malloc(4);
  refused("ERR_OUT_OF_BOUNDS", () => Pair.at(small), /^at: 8 bytes/);
  const pair = Pair.alloc({ a: 1, b: 2 });
  assert.is(pair.b, 2);
  free(pair.pointer);
  refused("ERR_USE_AFTER_FREE", () => pair.b, /freed by free/);
  refused("ERR_USE_AFTER_FREE", () => (pair.a = 1));
  free(small);
  const text = malloc(3);
  fill(text, 65, 3);
  assert.is(readCString(text), "AAA");
  refused("ERR_OUT_OF_BOUNDS", () => readCString(text, 100));
  free(text);
});

test("an access inside a block is told by the block, wherever its pointer points", () => {
  const block = malloc(1000);
  assert.is(read.u8(offset(block, 500), 499) >= 0, true);
  refused(
    "ERR_OUT_OF_BOUNDS",
    () => read.u8(offset(block, 500), 500),
    /begin 0 bytes past the end of the block of 1000 bytes/,
  );
  refused("ERR_OUT_OF_BOUNDS", () => read.u32(offset(block, 500), 498), /end 2 bytes past/);
  refused("ERR_OUT_OF_BOUNDS", () => read.u32(offset(block, 500), -502), /begin 2 bytes before/);
  free(block);
});

test("what is left over of a freed block's header inside a block does not hide it", () => {
  const block = malloc(1000);
  const within = heap.window.blockOf(block + 496);
  writeFree(heap.words, within, 64, heap.secret); // as two coalesced blocks leave it
  write.u8(offset(block, 600), 1);
  assert.is(read.u8(offset(block, 600)), 1);
  refused("ERR_OUT_OF_BOUNDS", () => read.u8(offset(block, 1000)), /past the end of the block of 1000 bytes/);
  free(block);
});

test("after a free, each access is refused with both lines, and so is a second free", () => {
  for (const size of [0, 24, 1000, 100_000, 500_000]) {
    const block = allocateHere(size);
    freeHere(block);
    assert.not.ok(owns(block));
    const lines = [/allocated by malloc\n +at allocateHere/, /freed by free\n +at freeHere/];
    refused("ERR_USE_AFTER_FREE", () => read.u8(block), ...lines); // also where it is unmapped by now
    refused("ERR_DOUBLE_FREE", () => free(block), ...lines);
    refused("ERR_DOUBLE_FREE", () => realloc(block, 5));
  }
});

test("an access to a block of a Heap that was destroyed names what allocated it and what destroyed it", () => {
  for (const [count, size] of [
    [1, 20],
    [100, 100],
    [100, 50_000],
  ] as const) {
    const before = malloc(24);
    const made = new Heap();
    const blocks = Array.from({ length: count }, () => made.malloc(size));
    const old = made.malloc(size);
    made.free(old);
    made.destroy();
    for (const block of [...blocks, old]) {
      for (const place of [0, 3, size - 1]) {
        const byWhom = block === old ? /freed by Heap\.free/ : /freed by Heap\.destroy/;
        refused("ERR_USE_AFTER_FREE", () => read.u8(block, place), /allocated by Heap\.malloc/, byWhom);
        refused("ERR_USE_AFTER_FREE", () => write.u8(BigInt(block), 1, place));
      }
    }
    assert.throws(() => free(blocks[0]!), /destroyed/);
    refused("ERR_OUT_OF_BOUNDS", () => read.u8(before, 24));
    free(before);
  }
  const large = new Heap();
  const many = Array.from({ length: 15_000 }, () => large.malloc(16)); // more than are remembered
  large.destroy();
  refused("ERR_USE_AFTER_FREE", () => read.u8(many[10]!), /in a Heap that was destroyed/);
  refused("ERR_USE_AFTER_FREE", () => read.u8(many[14_000]!), /freed by Heap\.destroy/);
  const again = new Heap();
  for (let i = 0; i < 100; i++) fill(again.malloc(200), 1, 200); // where the others were
  const last = again.malloc(10);
  refused("ERR_OUT_OF_BOUNDS", () => read.u8(last, 10));
  again.destroy();
  check();
});

test("what C writes behind a block is found when it is freed, resized and checked, and the block is named", () => {
  for (const size of [0, 3, 24, 1000, 100_000, 500_000]) {
    for (const find of [
      (block: Pointer) => free(block),
      (block: Pointer) => void realloc(block, size + 10),
      () => check(),
    ]) {
      const block = allocateHere(size);
      const neighbour = malloc(size);
      const old = raw[block + size - rawBase]!;
      pokeAt(block + size, 1);
      refused(
        "ERR_HEAP_CORRUPT",
        () => find(block),
        new RegExp(
          `^the block of ${size} bytes at 0x${block.toString(16)} was overrun: something wrote at its byte ${size}`,
        ),
        /allocateHere/,
      );
      pokeAt(block + size, old);
      free(block);
      free(neighbour);
    }
  }
});

test("what is written to a freed block through an old view is found by check(), with both lines", () => {
  const block = allocateHere(100);
  const old = view(block);
  freeHere(block);
  old[40] = 1;
  refused(
    "ERR_USE_AFTER_FREE",
    () => check(),
    /^the block of 100 bytes at 0x[0-9a-f]+ was written to after it was freed, at its byte 40/,
    /allocateHere/,
    /freeHere/,
  );
  check(); // once
});

test("freed memory is given up in turn, and then a write to it is found", () => {
  const block = allocateHere(200);
  const old = view(block);
  freeHere(block);
  old[0] = 9;
  refused(
    "ERR_USE_AFTER_FREE",
    () => {
      for (let i = 0; i < 20_000; i++) free(malloc(50));
    },
    /was written to after it was freed, at its byte 0/,
  );
  for (let i = 0; i < 100; i++) free(malloc(1_000_000 - 100));
  check();
});

test("all ways to allocate and to resize keep contents and are watched", () => {
  const random = new Random(testSeed("guard"));
  const made = new Heap();
  const arena = new Arena();
  const ways: ((size: number) => Pointer)[] = [
    malloc,
    (size) => calloc(1, size),
    (size) => alignedAlloc(64, size),
    (size) => made.malloc(size),
    (size) => made.calloc(1, size),
    (size) => made.alignedAlloc(256, size),
    (size) => realloc(NULL, size),
  ];
  const resizes: ((pointer: Pointer, size: number) => Pointer)[] = [
    realloc,
    recalloc,
    (pointer, size) => alignedRealloc(pointer, 64, size),
  ];
  const sizes = [0, 1, 24, 25, 1000, 9190, 9200, 9208, 9216, 30_000, 131_072, 400_000];
  const size = () => sizes[random.int(0, sizes.length - 1)]! + random.int(0, 40);
  for (let round = 0; round < 300; round++) {
    let length = size();
    let block = ways[random.int(0, ways.length - 1)]!(length);
    assert.is(usableSize(block), length);
    fill(block, 0x5a, length);
    for (let step = 0; step < 3; step++) {
      const next = size();
      block = resizes[random.int(0, resizes.length - 1)]!(block, next);
      assert.is(usableSize(block), next);
      const kept = view(block, Math.min(length, next));
      assert.ok(
        kept.every((byte) => byte === 0x5a),
        `the contents of ${length} bytes, now ${next}`,
      );
      fill(block, 0x5a, next);
      length = next;
    }
    free(block);
  }
  assert.is(goodSize(100), 100);
  write.u32(arena.malloc(100), 1);
  free(cstring("text"));
  check();
  const last = made.malloc(10);
  made.destroy();
  arena.dispose();
  assert.not.ok(owns(last));
  check();
});

test("a realloc that a full stack ends leaves a block that counts as whole", () => {
  const random = new Random(testSeed("guard, full stack"));
  const blocks = Array.from({ length: 50 }, () => malloc(100));
  let above = 0;
  let uses = 0;
  // A generator, which V8 does not inline: else the stack counts as full while there is room for all of this.
  // biome-ignore lint/correctness/useYield: see above.
  function* resizeOne(): Generator<never> {
    const at = random.int(0, blocks.length - 1);
    try {
      blocks[at] = realloc(blocks[at]!, random.int(16, 20_000));
    } catch (error) {
      if (error instanceof HeapError) throw error;
    }
  }
  const fillStack = (): void => {
    try {
      fillStack();
    } catch {
      // the stack is full
    }
    if (above > 0) above--;
    else if (uses-- > 0) resizeOne().next();
  };
  for (let i = 0; i < 1000; i++) resizeOne().next();
  for (let round = 0; round < 25; round++) {
    above = random.int(0, 30);
    uses = 12;
    fillStack();
    check();
  }
  for (const block of blocks) free(block);
});

test("a resize that a timeout of node:vm cuts off is no overrun", () => {
  const random = new Random(testSeed("guard, timeout"));
  const blocks = Array.from({ length: 20 }, () => malloc(5000));
  const work = () => {
    const at = random.int(0, blocks.length - 1);
    if (!owns(blocks[at]!)) blocks[at] = malloc(5000); // it was moved, and the timeout came before its address was told
    blocks[at] = realloc(blocks[at]!, random.int(2000, 9000));
  };
  const script = new Script("for (;;) work()");
  const context = createContext({ work });
  for (let round = 0; round < ROUNDS_OF_TIMEOUTS; round++) {
    assert.throws(() => script.runInContext(context, { timeout: 1 }), /timed out/);
    check();
  }
  for (const block of blocks) if (owns(block)) free(block);
  check();
});

test("debug stays on, and comes before the first block", () => {
  configure({ debug: true });
  refused("ERR_INVALID_ARG", () => configure({ debug: false }), /stays on/);
  refused("ERR_INVALID_ARG", () => configure({ debug: 1 as never }), /true or false/);
});

test("console.log shows records and arrays of freed blocks, and does not throw", () => {
  const Point = struct({ x: "f64", few: ["u8", 3] });
  const points = Point.array(2);
  const objects = [points, points.at(1), points.at(1).few];
  for (const object of objects) assert.not.match(inspect(object), /no memory/);
  free(points.pointer);
  for (const object of objects) assert.match(inspect(object), /no memory/);
});

test.run();
