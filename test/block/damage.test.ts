/**
 * What errors say of memory that something wrote over: addresses and sizes, and the block that was probably written past.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addressOf, named } from "../../src/block/damage.js";
import { HeapError } from "../../src/errors.js";
import { OWNERS, WORD_CHUNK_SHIFT } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { explainPointer } from "../../src/process/diagnose.js";
import {
  anotherThread,
  type FakeHeap,
  fakeHeap,
  free,
  join,
  payload,
  row,
  sendBack,
  take,
  verify,
} from "../support/fake-heap.js";

const OVERWRITTEN = 0x41414141;

/** What an operation says when it fails; nothing of our insides is in it. */
function said(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.instance(error, HeapError);
    const { code, message } = error as HeapError;
    assert.is(code, "ERR_HEAP_CORRUPT", message);
    assert.not.match(message, /\bword|\bindex|footer|checksum|\bbin \d|chunk|segment \d/);
    return message;
  }
  return assert.unreachable("nothing was thrown") as never;
}

function at(of: FakeHeap, b: Block): string {
  const address = `0x${payload(of, b).toString(16)}`;
  assert.is(addressOf(of.m, b), address);
  return address;
}

test("a header that was overwritten: the block that ends there is named, by whoever meets it", () => {
  const meetings: readonly (readonly [string, (of: FakeHeap, below: Block) => unknown])[] = [
    ["freed", (of, below) => of.heap.freeBlock(below)],
    ["in use", (of) => of.heap.consolidate()],
    ["in use", (of) => verify(of)],
  ];
  for (const [state, meet] of meetings) {
    const of = fakeHeap();
    const [, below, above] = row(of, 64, 12288, 64, 64);
    of.m[above!] = OVERWRITTEN;
    assert.is(
      said(() => meet(of, below!)),
      `the header of the block at ${at(of, above!)} was overwritten; the block below it, at ${at(of, below!)} ` +
        `(12280 bytes, ${state}), ends there; look for what writes past its end`,
    );
  }
});

test("a freed block is named as one", () => {
  const of = fakeHeap();
  const [, below, above] = row(of, 64, 256, 64, 64);
  free(of, payload(of, below!));
  of.m[above! + 1] = OVERWRITTEN;
  assert.match(
    said(() => of.heap.consolidate()),
    `the block below it, at ${at(of, below!)} (248 bytes, freed), ends there`,
  );
});

test("a block whose memory was given up since it was found is named without a look at it", () => {
  const of = fakeHeap();
  const b = take(of, 112);
  assert.match(named(of.m, b), /104 bytes, in use/);
  of.m[OWNERS + (b >>> WORD_CHUNK_SHIFT)] = 0;
  assert.match(named(of.m, b), /^0x\w+ \(given up meanwhile\)$/);
});

test("the first block of a heap has none below it", () => {
  const of = fakeHeap();
  const first = of.heap.wilderness.segments.start(0) as Block;
  row(of, 64, 64);
  of.m[first] = OVERWRITTEN;
  assert.match(
    said(() => verify(of)),
    `${at(of, first)} was overwritten; no block lies below it`,
  );
});

test("of several overwritten headers the lowest is named", () => {
  const of = fakeHeap();
  const [first, second, , fourth] = row(of, 64, 64, 64, 64, 64);
  for (const b of [fourth!, second!]) of.m[b] = OVERWRITTEN;
  assert.match(
    said(() => of.heap.consolidate()),
    new RegExp(`${at(of, second!)} was .* at ${at(of, first!)} \\(56 bytes`),
  );
});

test("a free block that was written to is named, whichever block's links show it", () => {
  for (const [spoiled, freed] of [
    [1, 2],
    [3, 2],
    [1, 4],
  ] as const) {
    const of = fakeHeap();
    const blocks = row(of, 64, 12288, 10240, 12288, 10240, 64);
    join(of, blocks[1]!);
    join(of, blocks[3]!);
    of.m[blocks[spoiled]! + 2] = OVERWRITTEN;
    of.m[blocks[spoiled]! + 3] = OVERWRITTEN;
    assert.is(
      said(() => of.heap.freeBlock(blocks[freed]!)),
      `the free block at ${at(of, blocks[spoiled]!)} (12280 bytes, freed) was written to; look for what uses it after it ` +
        "was freed",
    );
  }
});

test("the size at the end of a free block, and the flag that says there is one", () => {
  const of = fakeHeap();
  const [, below, live, above] = row(of, 64, 12288, 12288, 12288, 64);
  join(of, below!);
  of.m[live! - 1] = OVERWRITTEN;
  assert.match(
    said(() => of.heap.freeBlock(live!)),
    `the free block at ${at(of, below!)} (12280 bytes, freed) was written to`,
  );
  of.m[live! - 1] = 12288;
  of.m[above!] = of.m[above!]! | 1;
  assert.match(
    said(() => of.heap.freeBlock(above!)),
    `header of the block at ${at(of, above!)} was overwritten; the block below it, at ${at(of, live!)}`,
  );
});

test("a list that leads astray: the freed block that leads there is named, and the one below it", () => {
  const of = fakeHeap();
  const [below, b, , other] = row(of, 64, 128, 64, 128, 64);
  free(of, payload(of, other!));
  free(of, payload(of, b!));
  of.m[b! + 1] = OVERWRITTEN & 0x3fffffff;
  const head = b!;
  assert.is(of.heap.popSmall(120), payload(of, head));
  assert.match(
    said(() => of.heap.allocate(120)),
    /a list of freed blocks leads to 0x[0-9a-f]+, where none begins; something/,
  );
  free(of, payload(of, below!));
});

test("a block on its way back that was written to", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 40 }, () => of.heap.allocate(200));
  const other = anotherThread(of, 2);
  for (const pointer of pointers) sendBack(other.heap, pointer);
  other.heap.outbox.flush();
  of.os.threads.current = 1;
  const spoiled = of.heap.window.blockOf(pointers[20]!);
  of.m[spoiled + 1] = OVERWRITTEN;
  assert.match(
    said(() => of.heap.drain()),
    `header of the block at ${at(of, spoiled)} was overwritten; the block below it, at ${at(of, of.heap.window.blockOf(pointers[19]!))}`,
  );
  take(of, 64);
});

test("a pointer whose header was overwritten, one behind such a header, and one into a block", () => {
  const of = fakeHeap();
  const [low, spoiled, high] = row(of, 64, 12288, 64, 64);
  const explain = (pointer: number) => explainPointer(of.heap, "free", pointer).message;
  assert.match(
    explain(payload(of, spoiled!) + 1600),
    `no block starts there, it lies inside the block at ${at(of, spoiled!)} (12280 bytes, in use); pass the very number`,
  );
  of.m[spoiled!] = OVERWRITTEN;
  assert.is(
    explain(payload(of, spoiled!)),
    `free: ${at(of, spoiled!)} is not a block: its header was overwritten; the block below it, at ${at(of, low!)} (56 bytes, ` +
      "in use), ends there; look for what writes past its end",
  );
  assert.match(
    explain(payload(of, high!) + 16),
    `or its header was overwritten: that of the block at ${at(of, spoiled!)} was; `,
  );
});

test.run();
