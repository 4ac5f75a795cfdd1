/**
 * console.log of what holds memory tells how much, and never fails: not after its end, and not when a block was freed behind
 * its back.
 */
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, free, malloc, nativeAllocator, own, Scope } from "../../src/index.js";

test("an arena, and how many bytes it handed out", () => {
  const arena = new Arena({ chunkBytes: 1024 });
  assert.is(arena.bytes, 0);
  assert.is(inspect(arena), "Arena { bytes: 0, chunks: 0, disposed: false }");
  arena.malloc(1);
  arena.malloc(16);
  arena.calloc(3, 5);
  assert.is(arena.bytes, 48);
  arena.malloc(1000); // a chunk of its own
  assert.is(arena.bytes, 48 + 1008);
  let handedOut = arena.bytes;
  for (let i = 0; i < 100; i++) {
    arena.malloc(100);
    handedOut += 112;
    assert.is(arena.bytes, handedOut, `after ${i}`);
  }
  assert.match(
    inspect(arena),
    new RegExp(`^Arena \\{ bytes: ${handedOut}, chunks: 1\\d, disposed: false \\}$`),
  );
  arena.reset();
  assert.is(arena.bytes, 0);
  arena.malloc(20);
  assert.is(arena.bytes, 32);
  arena.dispose();
  assert.is(inspect(arena), "Arena { bytes: 0, chunks: 0, disposed: true }");
});

test("a scope", () => {
  const scope = new Scope();
  const first = scope.malloc(100);
  scope.malloc(200);
  assert.is(inspect(scope), "Scope { bytes: 304, blocks: 2, disposed: false }");
  scope.keep(first);
  free(first);
  scope.adopt(malloc(100));
  assert.is(inspect({ scope }), "{ scope: Scope { bytes: 304, blocks: 2, disposed: false } }");
  const lost = scope.malloc(300_000);
  free(lost);
  assert.match(inspect(scope), /^Scope \{ bytes: 304, blocks: 3, /);
  assert.throws(() => scope.dispose());
  assert.is(inspect(scope), "Scope { bytes: 0, blocks: 0, disposed: true }");
});

test("a scope that keeps a set of its blocks", () => {
  const larger = new Scope();
  const many = Array.from({ length: 100 }, () => larger.malloc(8));
  larger.free(many[0]!);
  assert.match(inspect(larger), /blocks: 99,/);
  larger.dispose();
});

test("an owner", () => {
  const pointer = malloc(100);
  const owner = own(pointer);
  assert.is(inspect(owner), `Owned { pointer: ${pointer}, bytes: 104, disposed: false }`);
  owner.dispose();
  assert.is(inspect(owner), "Owned { disposed: true }");
});

test("a native allocator, whose functions take no slot for it", () => {
  const memory = nativeAllocator({ limit: 1000 });
  assert.is(
    inspect(memory),
    "NativeAllocator {\n  bytes: 0,\n  blocks: 0,\n  peak: 0,\n  limit: 1000,\n  failures: 0,\n  disposed: false\n}",
  );
  memory.dispose();
  assert.match(inspect(memory), /disposed: true/);
});

test.run();
