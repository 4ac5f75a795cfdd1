/**
 * view, buffer and typed arrays lie over the memory itself; what would not lie inside the heap is refused.
 */
import vm from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  buffer,
  check,
  free,
  malloc,
  type Pointer,
  read,
  typed,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { heap } from "../../src/malloc.js";
import { notNumbers, notWhole, nowhere, refuses, refusesEach } from "./refuse.js";

const { base, span } = heap.window;
const block = malloc(256);
const large = malloc(300_000);

const classes = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

// Before any other test makes a view.
test("koffi makes no buffer when a view is made: a worker that is terminated meanwhile would end the process", () => {
  const { os } = heap.store;
  const make = os.view;
  os.view = () => {
    throw new Error("koffi was asked for a buffer");
  };
  try {
    assert.is(view(block).length, usableSize(block));
    assert.is(buffer(block, 8).length, 8);
    assert.is(typed(Uint32Array, block, 4).length, 4);
  } finally {
    os.view = make;
  }
});

test("a buffer is the memory itself, of the usable size by default", () => {
  for (const pointer of [block, large]) {
    const bytes = buffer(pointer);
    assert.ok(Buffer.isBuffer(bytes));
    assert.is(bytes.length, usableSize(pointer));
    bytes.writeDoubleLE(Math.PI, 8);
    assert.is(read.f64(pointer, 8), Math.PI);
    write.u8(pointer, 77, 3);
    assert.is(bytes[3], 77);
    assert.is(view(pointer)[3], 77);
    assert.is(buffer(pointer, 10).length, 10);
    assert.is(buffer(pointer, 0).length, 0);
  }
});

test("a class of another realm is one, too", () => {
  const { Float64Array: Other } = vm.runInNewContext("({ Float64Array })") as {
    Float64Array: typeof Float64Array;
  };
  assert.is.not(Other, Float64Array);
  write.f64(block, 2.5, 8);
  assert.is(typed(Other, block, 2)[1], 2.5);
});

test("every class of typed array sees the same bytes", () => {
  for (const pointer of [block, large]) {
    for (let i = 0; i < 64; i++) write.u8(pointer, i * 37, i);
    const bytes = [...view(pointer, 64)];
    for (const type of classes) {
      const array = typed<InstanceType<typeof type>>(type as never, pointer, 64 / type.BYTES_PER_ELEMENT);
      assert.instance(array, type);
      assert.is(array.length, 64 / type.BYTES_PER_ELEMENT);
      assert.equal([...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)], bytes, type.name);
    }
  }
  const doubles = typed(Float64Array, block, 4);
  doubles.set([1, 2, 3, 4]);
  assert.is(read.f64(block, 24), 4);
});

test("a typed array may start inside a block, where its elements are aligned", () => {
  for (const type of classes) {
    const bytes = type.BYTES_PER_ELEMENT;
    for (let offset = 0; offset < 16; offset++) {
      const make = () => typed(type as typeof Uint8Array, (block + offset) as Pointer, 2);
      if (offset % bytes === 0) assert.is(make().length, 2);
      else
        assert.match(
          refuses(`${type.name} at ${offset}`, "ERR_INVALID_POINTER", make).message,
          `multiple of ${bytes}`,
        );
    }
  }
});

test("a class derived from a typed array is one; other classes are not", () => {
  class Tagged extends Uint16Array {
    get tag(): string {
      return "mine";
    }
  }
  assert.is(typed(Tagged, block, 3).tag, "mine");
  const wrong = [
    ...notNumbers,
    8,
    DataView,
    ArrayBuffer,
    Array,
    Object,
    Uint8Array.prototype,
    new Uint8Array(1),
  ];
  for (const type of wrong) {
    refuses(`typed(${typeof type})`, "ERR_INVALID_ARG", () => typed(type as never, block, 1));
  }
  assert.match(
    refuses("typed(Buffer)", "ERR_INVALID_ARG", () => typed(Buffer as never, block, 1)).message,
    "buffer()",
  );
});

test("wrong pointers and lengths", () => {
  const wrong = [...notNumbers, ...nowhere, base, base + span + 8];
  const lengths = [...notNumbers.slice(1), ...notWhole];
  refusesEach("buffer", "ERR_INVALID_POINTER", wrong, (pointer) => buffer(pointer));
  refusesEach("buffer of 8", "ERR_INVALID_POINTER", wrong, (pointer) => buffer(pointer, 8));
  refusesEach("buffer(length)", "ERR_INVALID_ARG", lengths, (length) => buffer(block, length));
  refusesEach("view(length)", "ERR_INVALID_ARG", lengths, (length) => view(block, length));
  refusesEach("typed", "ERR_INVALID_POINTER", wrong, (pointer) => typed(Uint8Array, pointer, 1));
  refusesEach("typed(length)", "ERR_INVALID_ARG", [undefined, ...lengths], (length) =>
    typed(Float64Array, block, length),
  );
  const end = (base + span - 8) as Pointer;
  refuses("a buffer over the end", "ERR_INVALID_POINTER", () => buffer(end, 9));
  refuses("doubles over the end", "ERR_INVALID_POINTER", () => typed(Float64Array, end, 2));
  refuses("too many doubles", "ERR_INVALID_POINTER", () =>
    typed(Float64Array, block, Number.MAX_SAFE_INTEGER),
  );
  refuses("a buffer of the rest of a block", "ERR_INVALID_POINTER", () => buffer((block + 8) as Pointer));
});

test("the blocks are as they were", () => {
  free(block);
  free(large);
  check();
});

/** Ways to take the buffer away from a view, and from all others that are made over it. */
const detaching: Record<string, (bytes: Uint8Array) => Promise<unknown>> = {
  "a stream that is given a view": async (bytes) => {
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller) => controller.enqueue(bytes as never),
    });
    return stream.getReader().read();
  },
  "reading a stream into a view": async (bytes) => {
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        controller.enqueue(new Uint8Array([1, 2, 3]));
      },
    });
    return stream.getReader({ mode: "byob" }).read(bytes as never);
  },
};

for (const [what, detach] of Object.entries(detaching)) {
  test(`${what} detaches its buffer, and not the heap's`, async () => {
    write.u32(block, 0x01020304, 8);
    const bytes = view(block, 16);
    await detach(bytes);
    assert.is(bytes.length, 0, "it is detached");
    assert.is(read.u32(block, 8), 0x01020304);
    assert.is(view(block, 16)[8], 4, "another view is as good as ever");
    assert.is(buffer(large, 4).length, 4);
    assert.is(typed(Uint32Array, block, 4)[2], 0x01020304);
    const other = malloc(100);
    assert.is(other % 16, 0);
    free(other);
    check();
  });
}

test.run();
