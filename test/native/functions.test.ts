/**
 * The function pointers, called through koffi as C would call them: what C expects of each, the account, the limit, and
 * what happens to one that is called at the wrong time.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../scripts/worker.js";
import {
  check,
  cstring,
  free,
  malloc,
  type NativeAllocator,
  nativeAllocator,
  type Pointer,
  read,
  readCString,
  usableSize,
  view,
} from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { findings } from "../support/child.js";
import { Random, testSeed } from "../support/seed.js";
import { patience } from "../support/surroundings.js";
import { callable, EINVAL, ENOMEM, koffi, libc } from "./c.js";

const SIZE_MAX = 2n ** 64n - 1n;
const WAIT_MS = patience(20_000);
const never = 77; // an errno that none of the functions sets

function functionsOf(allocator: NativeAllocator) {
  return {
    malloc: callable(allocator.malloc, "uintptr_t", "size_t"),
    calloc: callable(allocator.calloc, "uintptr_t", "size_t", "size_t"),
    realloc: callable(allocator.realloc, "uintptr_t", "uintptr_t", "size_t"),
    free: callable(allocator.free, "void", "uintptr_t"),
    alignedAlloc: callable(allocator.alignedAlloc, "uintptr_t", "size_t", "size_t"),
    alignedRealloc: callable(allocator.alignedRealloc, "uintptr_t", "uintptr_t", "size_t", "size_t"),
    posixMemalign: callable(allocator.posixMemalign, "int", "uintptr_t", "size_t", "size_t"),
    strdup: callable(allocator.strdup, "uintptr_t", "uintptr_t"),
    usableSize: callable(allocator.usableSize, "size_t", "uintptr_t"),
    opaqueMalloc: callable(allocator.opaqueMalloc, "uintptr_t", "uintptr_t", "size_t"),
    zalloc: callable(allocator.zalloc, "uintptr_t", "uintptr_t", "uint", "uint"),
    zfree: callable(allocator.zfree, "void", "uintptr_t", "uintptr_t"),
    luaAlloc: callable(allocator.luaAlloc, "uintptr_t", "uintptr_t", "uintptr_t", "size_t", "size_t"),
  };
}

/** NULL and this errno, counted once. */
function fails(allocator: NativeAllocator, errno: number, call: () => number): void {
  const { failures, bytes, blocks } = allocator;
  koffi.errno(never);
  assert.is(call(), 0);
  assert.is(koffi.errno(), errno);
  assert.equal([allocator.failures, allocator.bytes, allocator.blocks], [failures + 1, bytes, blocks]);
  assert.ok(allocator.lastError !== null);
}

function isEmpty(allocator: NativeAllocator): void {
  assert.equal([allocator.bytes, allocator.blocks], [0, 0]);
  check();
}

test("every form gives memory of this heap and takes it back", () => {
  using allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const place = malloc(8);
  assert.is(c.posixMemalign!(place, 256, 100), 0);
  const blocks = [
    c.malloc(100),
    c.malloc(300_000),
    c.calloc(10, 10),
    c.alignedRealloc(c.alignedAlloc(64, 100), 4096, 100_000),
    read.pointer(place),
    c.opaqueMalloc(SIZE_MAX, 100),
    c.zalloc(1, 10, 10),
    c.luaAlloc(0, 0, 5, 100),
  ] as Pointer[];
  assert.is(blocks[3]! % 4096, 0);
  assert.is(blocks[4]! % 256, 0);
  assert.ok(view(blocks[2]!, 100).every((byte) => byte === 0));
  const total = blocks.reduce((sum, pointer) => sum + usableSize(pointer), 0);
  assert.equal([allocator.bytes, allocator.blocks, allocator.peak], [total, blocks.length, total]);
  view(blocks[0]!, 100).fill(7);
  blocks[0] = c.realloc(blocks[0]!, 5000) as Pointer;
  assert.ok(view(blocks[0]!, 100).every((byte) => byte === 7));
  for (const [i, pointer] of blocks.entries()) {
    if (i % 3 === 0) c.free(pointer);
    else if (i % 3 === 1) c.zfree(SIZE_MAX, pointer);
    else assert.is(c.luaAlloc(0, pointer, 100, 0), 0);
  }
  c.free(0);
  assert.is(allocator.failures, 0);
  isEmpty(allocator);
  free(place);
});

test("what cannot be had is NULL and errno, and leaves everything as it was", () => {
  using allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const kept = c.malloc(64) as Pointer;
  for (const size of [SIZE_MAX, 2n ** 63n, 2n ** 63n - 1n, 2n ** 53n, 2 ** 52]) {
    fails(allocator, ENOMEM, () => c.malloc(size));
    fails(allocator, ENOMEM, () => c.calloc(size, 2));
    fails(allocator, ENOMEM, () => c.realloc(kept, size));
    fails(allocator, ENOMEM, () => c.alignedAlloc(64, size));
    fails(allocator, ENOMEM, () => c.alignedRealloc(kept, 64, size));
    fails(allocator, ENOMEM, () => c.luaAlloc(0, kept, 64, size));
  }
  fails(allocator, ENOMEM, () => c.calloc(2n ** 33n, 2n ** 33n));
  for (const alignment of [0, 3, 48, SIZE_MAX]) {
    fails(allocator, EINVAL, () => c.alignedAlloc(alignment, 64));
    fails(allocator, EINVAL, () => c.alignedRealloc(kept, alignment, 64));
    fails(allocator, EINVAL, () => c.alignedRealloc(0, alignment, 64));
  }
  assert.is(allocator.bytes, usableSize(kept));
  c.free(kept);
  isEmpty(allocator);
});

test("posix_memalign returns its error, and touches neither errno nor the place", () => {
  using allocator = nativeAllocator({ limit: 1000 });
  const c = functionsOf(allocator);
  const place = malloc(8);
  view(place, 8).fill(0xab);
  koffi.errno(never);
  for (const alignment of [0, 4, 24, SIZE_MAX]) assert.is(c.posixMemalign(place, alignment, 8), EINVAL);
  assert.is(c.posixMemalign(0, 16, 8), EINVAL);
  assert.is(c.posixMemalign(place, 16, 1001), ENOMEM);
  assert.is(c.posixMemalign(place, 16, SIZE_MAX), ENOMEM);
  assert.is(koffi.errno(), never);
  assert.ok(view(place, 8).every((byte) => byte === 0xab));
  assert.is(allocator.failures, 7);
  free(place);
});

test("a wrong pointer is counted and nothing else", () => {
  using allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const block = c.malloc(64) as Pointer;
  c.free(block + 8);
  assert.is((allocator.lastError as { code?: string }).code, "ERR_INVALID_POINTER");
  assert.match((allocator.lastError as Error).message, /^free: /);
  c.free(12345);
  c.free(SIZE_MAX);
  c.free(block);
  c.free(block);
  assert.is((allocator.lastError as { code?: string }).code, "ERR_DOUBLE_FREE");
  assert.is(allocator.failures, 4);
  fails(allocator, ENOMEM, () => c.realloc(block, 0));
  isEmpty(allocator);
});

test("the limit holds, counts what is given back, and never refuses to shrink", () => {
  using allocator = nativeAllocator({ limit: 10_000 });
  const c = functionsOf(allocator);
  const blocks = Array.from({ length: 9 }, () => c.malloc(1000));
  assert.not(blocks.includes(0));
  fails(allocator, ENOMEM, () => c.malloc(1001));
  fails(allocator, ENOMEM, () => c.realloc(blocks[0]!, 2100));
  assert.is((allocator.lastError as { code?: string }).code, "ERR_OUT_OF_MEMORY");
  for (const [i, pointer] of blocks.entries()) blocks[i] = c.realloc(pointer, 100);
  assert.not(blocks.includes(0));
  const large = c.malloc(9000);
  assert.ok(large !== 0 && allocator.peak <= allocator.limit);
  for (const pointer of [...blocks, large]) c.free(pointer);
  isEmpty(allocator);
});

test("the account agrees with a list of the blocks, over many random calls", () => {
  using allocator = nativeAllocator({ limit: 2_000_000 });
  const c = functionsOf(allocator);
  const random = new Random(testSeed("native account"));
  const live: Pointer[] = [];
  for (let i = 0; i < 5000; i++) {
    const at = live.length === 0 ? -1 : random.int(0, live.length - 1);
    if (at < 0 || random.chance(0.4)) {
      const pointer = c.malloc(random.spread(1, 400_000)) as Pointer;
      if (pointer !== 0) live.push(pointer);
    } else if (random.chance(0.5)) {
      const moved = c.realloc(live[at]!, random.spread(1, 400_000)) as Pointer;
      if (moved !== 0) live[at] = moved;
    } else {
      c.free(live[at]!);
      live[at] = live.at(-1)!;
      live.pop();
    }
    assert.is(allocator.blocks, live.length);
  }
  assert.is(
    allocator.bytes,
    live.reduce((sum, pointer) => sum + usableSize(pointer), 0),
  );
  assert.ok(allocator.failures > 0, "the limit was met");
  for (const pointer of live) c.free(pointer);
  isEmpty(allocator);
});

test("dispose is refused while blocks are live", () => {
  const allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const block = c.malloc(10);
  refused(() => allocator.dispose(), "ERR_INVALID_STATE");
  c.free(block);
  allocator.dispose();
  allocator.dispose();
  refused(() => allocator.malloc, "ERR_INVALID_STATE");
});

test("after dispose the functions do nothing and are counted, whatever other allocators there are", () => {
  const allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const place = malloc(8);
  const addresses = new Set([allocator.malloc]);
  allocator.dispose();
  for (let i = 1; i <= 300; i++) {
    using next = nativeAllocator();
    addresses.add(next.malloc);
    assert.is(addresses.size, i + 1, "a function pointer is not used again");
    assert.is(c.malloc(10), 0);
    assert.is(c.posixMemalign(place, 16, 10), ENOMEM);
    c.free(place);
    assert.is(usableSize(place), 24, "not freed");
    assert.is(allocator.failures, i * 3);
    const { malloc: allocate, free: release } = functionsOf(next);
    release(allocate(10));
    assert.equal([next.peak, next.blocks, next.failures], [24, 0, 0]);
  }
  assert.is((allocator.lastError as { code?: string }).code, "ERR_DISPOSED");
  assert.match((allocator.lastError as Error).message, /900 calls came after dispose/);
  free(place);
});

test("a forced dispose leaves the library what it holds", () => {
  const allocator = nativeAllocator();
  const c = functionsOf(allocator);
  const block = c.malloc(10) as Pointer;
  allocator.dispose({ force: true });
  c.free(block);
  assert.is(usableSize(block), 24);
  assert.equal([allocator.blocks, allocator.failures], [1, 1]);
  free(block);
  for (const options of [{ force: 1 }, { forced: true }, null])
    refused(() => allocator.dispose(options as never), "ERR_INVALID_ARG");
});

test("strdup copies a C string from anywhere, and usableSize tells what a block can hold", () => {
  using allocator = nativeAllocator({ limit: 1000 });
  const c = functionsOf(allocator);
  const text = libc.func("uintptr_t getenv(str)")("PATH" as never);
  const copy = c.strdup(text) as Pointer;
  assert.is(readCString(copy), process.env.PATH);
  assert.is(c.usableSize(copy), usableSize(copy));
  assert.is(allocator.bytes, usableSize(copy));
  c.free(copy);
  assert.is(c.usableSize(0), 0);
  assert.is(allocator.failures, 0);
  assert.is(c.usableSize(copy), 0);
  assert.is(allocator.failures, 1);
  fails(allocator, EINVAL, () => c.strdup(0));
  const long = cstring("x".repeat(2000));
  fails(allocator, ENOMEM, () => c.strdup(long));
  free(long);
  isEmpty(allocator);
});

test("out of callback slots: an error that says how many there are", async () => {
  const { code, message, after } = await findings<Record<string, string>>(
    new URL("./programs/slots.ts", import.meta.url),
  );
  assert.is(code, "ERR_INVALID_STATE");
  assert.match(message!, /no slot left for malloc: there are 8192 .* unregister callbacks/);
  assert.is(after, "works", "one that is taken back is enough");
});

test("workers that end leave no files open", async () => {
  const { before, after } = await findings<{ before: number; after: number }>(
    new URL("./programs/descriptors.ts", import.meta.url),
  );
  assert.is(after, before);
});

test("options that make no sense", () => {
  for (const limit of [-1, 1.5, Number.NaN, "10", null])
    refused(() => nativeAllocator({ limit: limit as never }), "ERR_INVALID_ARG");
  refused(() => nativeAllocator({ limits: 5 } as never), "ERR_INVALID_ARG");
  refused(() => nativeAllocator(null as never), "ERR_INVALID_ARG");
});

test("a call that koffi makes in another thread waits for this one's event loop", async () => {
  using allocator = nativeAllocator();
  const allocate = koffi.decode(allocator.malloc, koffi.proto("uintptr_t", ["size_t"]));
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, i) => {
      return new Promise<number>((resolve, reject) => {
        allocate.async(i, (error: Error | null, value: number) => (error ? reject(error) : resolve(value)));
      });
    }),
  );
  assert.is(new Set(results).size, 20);
  assert.is(allocator.blocks, 20);
  const release = callable(allocator.free, "void", "uintptr_t");
  for (const pointer of results) release(pointer);
  isEmpty(allocator);
});

test("a worker may call them too, and gets memory of this thread", async () => {
  using allocator = nativeAllocator();
  const worker = startWorker(new URL("./programs/caller.ts", import.meta.url), {
    malloc: allocator.malloc,
    free: allocator.free,
  });
  const timer = setTimeout(() => worker.terminate(), WAIT_MS);
  const [found] = (await once(worker, "message")) as [{ pointer: Pointer; text: number }];
  clearTimeout(timer);
  assert.is(read.u32(found.pointer), found.text);
  assert.is(allocator.blocks, 1);
  callable(allocator.free, "void", "uintptr_t")(found.pointer);
  isEmpty(allocator);
  await worker.terminate();
});

test("with JavaScript's stack full, no block is lost and none given twice", async () => {
  const found = await findings<{
    full: boolean;
    thrown: number;
    given: number;
    distinct: number;
    blocks: number;
    account: { bytes: number };
  }>(new URL("./programs/deep.ts", import.meta.url));
  assert.ok(found.full && found.thrown > 0, "some calls could not run");
  assert.is(found.distinct, found.given);
  assert.is(found.blocks, found.given);
  assert.is(found.account.bytes, 0);
});

test("errno is left alone by what succeeds", () => {
  using allocator = nativeAllocator();
  const c = functionsOf(allocator);
  koffi.errno(never);
  for (const size of [10, 500_000]) c.free(c.realloc(c.malloc(size), size * 2));
  assert.is(koffi.errno(), never);
});

test.run();
