/**
 * Pointers as bigints, as koffi and node:ffi give a `void *`: taken wherever a number is, and refused alike.
 */
import koffi from "koffi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedRealloc,
  atomic,
  buffer,
  check,
  compare,
  copy,
  copyFrom,
  copyTo,
  cstring,
  fill,
  free,
  malloc,
  NULL,
  offset,
  own,
  type Pointer,
  type PointerLike,
  read,
  readCString,
  realloc,
  recalloc,
  Scope,
  struct,
  typed,
  usableSize,
  view,
  write,
} from "../src/index.js";
import { refused } from "./peers/expect.js";

const Node = struct({
  key: "u32",
  next: ["pointer", "self"],
  data: "pointer",
  few: ["pointer", 2],
});

/** What takes a pointer, on a block of at least 64 bytes that holds the text `same`. */
const reading: Record<string, (pointer: PointerLike) => unknown> = {
  usableSize,
  view: (pointer) => view(pointer).slice(0, 4),
  buffer: (pointer) => buffer(pointer, 8).toString("hex"),
  typed: (pointer) => typed(Uint32Array, pointer, 1).slice(),
  compare: (pointer) => compare(pointer, pointer, 32),
  copy: (pointer) => copy(pointer, pointer, 16),
  fill: (pointer) => fill(offset(pointer, 32), 7, 8),
  readCString: (pointer) => readCString(pointer),
  "readCString with a length": (pointer) => readCString(pointer, 2),
  offset: (pointer) => offset(pointer, 16),
  "copyFrom and copyTo": (pointer) => {
    copyFrom(offset(pointer, 32), offset(pointer, 0), 8);
    copyTo(offset(pointer, 40), pointer, 8);
    copyFrom(pointer, pointer, 8);
    return buffer(pointer, 48).toString("hex");
  },
  "a record": (pointer) => {
    const node = Node.at(pointer);
    node.key = 5;
    const again = Node.alloc();
    again.pointer = pointer;
    return [node.pointer, again.key, again.pointer, Node.array(1, pointer).at(0).key];
  },
  "a record's padding": (pointer) => Node.clearPadding(pointer),
  "all of a record": (pointer) => {
    Node.assign(pointer, { key: 7 });
    return Node.at(pointer).toObject();
  },
  "atomic.wait": (pointer) => {
    atomic.i32.store(pointer, 3);
    return [atomic.wait(pointer, 4), atomic.wait(pointer, 3, 1), atomic.notify(pointer)];
  },
};
for (const [name, get] of Object.entries(read)) reading[`read.${name}`] = (pointer) => get(pointer, 1);
for (const name of ["u64", "i64"] as const) {
  reading[`write.${name}`] = (pointer) => [write[name](pointer, 5n, 8), read[name](pointer, 8)];
  reading[`atomic.${name}`] = (pointer) => [atomic[name].store(pointer, 5n), atomic[name].add(pointer, 1n)];
}
for (const name of ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "f64"] as const) {
  reading[`write.${name}`] = (pointer) => [write[name](pointer, 5, 8), read[name](pointer, 8)];
}
for (const name of ["u32", "i32"] as const) {
  reading[`atomic.${name}`] = (pointer) => [atomic[name].store(pointer, 5), atomic[name].add(pointer, 1)];
}
const resizing: Record<string, (pointer: PointerLike, size: number) => Pointer> = {
  realloc,
  recalloc,
  alignedRealloc: (pointer, size) => alignedRealloc(pointer, 64, size),
};

for (const size of [100, 300_000]) {
  for (const [name, use] of Object.entries(reading)) {
    test(`${name} of a bigint, ${size} bytes`, () => {
      const block = malloc(size);
      const text = cstring("same");
      copy(block, text, 5);
      free(text);
      assert.equal(use(BigInt(block)), use(block));
      free(BigInt(block));
      refused(() => free(block), "ERR_DOUBLE_FREE");
    });
  }
  for (const [name, resize] of Object.entries(resizing)) {
    test(`${name} of a bigint, ${size} bytes`, () => {
      const block = malloc(size);
      fill(block, 5, size);
      const result = resize(BigInt(block), size * 3);
      assert.type(result, "number");
      assert.ok(view(result, size).every((byte) => byte === 5));
      free(result);
    });
  }
}

test("an address as a bigint is written as the number is, and read as a number", () => {
  const block = malloc(300_000); // with a mapping of its own
  const places = [malloc(64), offset(block, 8), offset(block, 3)];
  const values = [NULL, places[0]!, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER] as Pointer[];
  for (const place of places) {
    for (const value of values) {
      view(place, 16).fill(0xee);
      write.pointer(place, BigInt(value));
      assert.is(read.pointer(place), value);
      write.pointer(BigInt(place), BigInt(value), 8);
      assert.is(read.pointer(place, 8), value);
    }
  }
  for (const wrong of [-1n, 2n ** 53n, -(2n ** 80n)]) {
    refused(() => write.pointer(block, wrong), "ERR_INVALID_ARG");
  }
  free(places[0]!);
  free(block);
});

test("a field that is a pointer takes a bigint, one by one and with others", () => {
  const target = Node.alloc({ key: 9 });
  const address = target.pointer;
  const big = BigInt(address);
  const node = Node.alloc({ next: big, data: big, few: [big, big] });
  const isWritten = () => {
    assert.is(node.next?.key, 9);
    assert.equal(node.toObject(), { key: 0, next: address, data: address, few: [address, address] });
  };
  isWritten();
  Node.assign(node.pointer, {});
  assert.is(node.next, null);
  const loose = node as { next: unknown; data: unknown };
  loose.next = big;
  loose.data = big;
  node.few.set(0, big);
  node.few.set(1, big);
  isWritten();
  node.set({ next: 0n, data: 0n });
  assert.is(node.next, null);
  assert.is(node.data, NULL);
  for (const wrong of [-1n, 2n ** 53n]) {
    for (const name of ["next", "data"] as const) {
      refused(() => {
        loose[name] = wrong;
      }, "ERR_INVALID_ARG");
      refused(() => Node.alloc({ [name]: wrong }), "ERR_INVALID_ARG");
    }
  }
  Node.free(BigInt(node.pointer));
  Node.free(target);
  check();
});

test("a wait at a bigint is woken", async () => {
  const word = malloc(4);
  write.u32(word, 1);
  const woken = atomic.waitAsync(BigInt(word), 1);
  assert.is(atomic.notify(BigInt(word)), 1);
  assert.is(await woken, "ok");
  const refusal = refused(() => atomic.notify(BigInt(word) + 1n), "ERR_INVALID_ARG");
  assert.match(refusal.message, new RegExp(`0x${(word + 1).toString(16)} `));
  free(word);
});

test("an owner and a scope know the block of a bigint by its number", () => {
  const block = malloc(10);
  const owner = own(BigInt(block));
  assert.is(owner.pointer, block);
  refused(() => own(block), "ERR_INVALID_ARG");
  refused(() => own(BigInt(block)), "ERR_INVALID_ARG");
  owner.dispose();
  const scope = new Scope();
  const adopted = malloc(10);
  assert.is(scope.adopt(BigInt(adopted)), adopted);
  assert.is(scope.adopt(adopted), adopted);
  const moved = scope.realloc(BigInt(adopted), 5000);
  assert.type(moved, "number");
  assert.is(scope.keep(BigInt(moved)), moved);
  scope.adopt(moved);
  scope.free(BigInt(moved));
  scope.free(0n);
  scope.adopt(BigInt(scope.realloc(0n, 10)));
  for (const use of [
    () => scope.free(BigInt(moved)),
    () => scope.keep(-1n),
    () => scope.realloc(BigInt(moved), 1),
  ])
    refused(use, "ERR_INVALID_POINTER");
  scope.dispose();
  check();
});

test("a void * as koffi gives it", () => {
  const block = malloc(64);
  const memset = koffi.load(null).func("void *memset(void *, int, size_t)");
  const pointer: unknown = memset(block, 3, 64);
  assert.is(typeof pointer, "bigint");
  assert.ok(
    view(pointer as bigint)
      .subarray(0, 64)
      .every((byte) => byte === 3),
  );
  free(pointer as bigint);
  check();
});

test("NULL as a bigint is NULL", () => {
  free(0n);
  free(realloc(0n, 10));
  refused(() => usableSize(0n), "ERR_INVALID_POINTER");
});

test("what is no address is refused as a number would be", () => {
  const block = malloc(100);
  const users: Record<string, (pointer: PointerLike, size: number) => unknown> = {
    ...reading,
    ...resizing,
    free,
  };
  const wrong: unknown[] = [-1n, 2n ** 53n, 2n ** 64n - 1n, -(2n ** 70n), BigInt(block).toString(), true, {}];
  for (const [name, use] of Object.entries(users)) {
    for (const value of wrong) {
      if (name === "compare" || name === "copy") continue; // below, one argument at a time
      refused(() => use(value as bigint, 64), "ERR_INVALID_POINTER");
    }
  }
  for (const value of wrong as bigint[]) {
    refused(() => copy(value, block, 8), "ERR_INVALID_POINTER");
    refused(() => copy(block, value, 8), "ERR_INVALID_POINTER");
    refused(() => compare(value, block, 8), "ERR_INVALID_POINTER");
    refused(() => compare(block, value, 8), "ERR_INVALID_POINTER");
  }
  free(block);
  refused(() => free(BigInt(block)), "ERR_DOUBLE_FREE");
  refused(() => free(BigInt(block) + 8n), "ERR_INVALID_POINTER");
  check();
});

test.run();
