/**
 * view, buffer and typed arrays lie over the memory itself; what would not lie inside the heap is refused.
 */
import { once } from "node:events";
import vm from "node:vm";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { canPin, refuseTransfer } from "../../src/access/pinned.js";
import { heap } from "../../src/api/malloc.js";
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
import { throwsHeapError } from "../support/throws.js";
import { notNumbers, notWhole, nowhere, refuses, refusesEach } from "./refuse.js";

const { base, span } = heap.window;
/** Whether views are made over the heap's own buffer, which nobody can detach. */
const isPinned = canPin(heap.wilderness.os.viewLimit);
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
test("the first view of the main thread makes a buffer at most, and no other does", () => {
  const { os } = heap.wilderness;
  const make = os.view;
  let made = 0;
  os.view = (address, bytes) => {
    made++;
    return make(address, bytes);
  };
  try {
    assert.is(view(block).length, usableSize(block));
    assert.is(made, isPinned ? 0 : 1);
    assert.is(buffer(block, 8).length, 8);
    assert.is(typed(Uint32Array, block, 4).length, 4);
    assert.is(made, isPinned ? 0 : 1);
  } finally {
    os.view = make;
  }
});

test("in a worker koffi makes no buffer when a view is made: if it is terminated meanwhile, the process would end", async () => {
  const worker = new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), {
    workerData: { module: new URL("./in-worker.ts", import.meta.url).href, run: "firstViews", args: [] },
  });
  const ended = once(worker, "exit"); // it may come with the message
  assert.equal(await once(worker, "message"), [true]);
  await ended;
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
const detaching: Record<string, (bytes: Uint8Array) => unknown> = {
  "a stream that is given a view": (bytes) => {
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller) => controller.enqueue(bytes as never),
    });
    return stream.getReader().read();
  },
  "reading a stream into a view": (bytes) => {
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        controller.enqueue(new Uint8Array([1, 2, 3]));
      },
    });
    return stream.getReader({ mode: "byob" }).read(bytes as never);
  },
  "ArrayBuffer's transfer, called past the buffer's own": ({ buffer }) =>
    (ArrayBuffer.prototype as unknown as Transferable).transfer.call(buffer),
};

for (const [what, detach] of Object.entries(detaching)) {
  if (what.startsWith("ArrayBuffer's") && !("transfer" in ArrayBuffer.prototype)) continue;
  test(`${what} ${isPinned ? "fails" : "detaches its buffer"}, and never touches the heap's`, async () => {
    const small = malloc(64);
    const big = malloc(300_000);
    write.u32(small, 0x01020304, 8);
    const bytes = view(small, 16);
    if (isPinned) assert.instance(await failureOf(() => detach(bytes)), TypeError);
    else await detach(bytes);
    assert.is(bytes.length, isPinned ? 16 : 0);
    assert.is(read.u32(small, 8), 0x01020304);
    assert.is(view(small, 16)[8], 4, "another view is as good as ever");
    assert.is(buffer(big, 4).length, 4);
    assert.is(typed(Uint32Array, small, 4)[2], 0x01020304);
    const other = malloc(100);
    assert.is(other % 16, 0);
    for (const pointer of [small, big, other]) free(pointer);
    check();
  });
}

interface Transferable extends ArrayBuffer {
  transfer(): ArrayBuffer;
}

/** Ways that fail everywhere. */
const refused: Record<string, (bytes: Uint8Array) => unknown> = {
  "the buffer's own transfer": ({ buffer }) => (buffer as Transferable).transfer(),
  "a message's list of what goes with it": ({ buffer }) => {
    const { port1 } = new MessageChannel();
    try {
      port1.postMessage(buffer, [buffer as ArrayBuffer]);
    } finally {
      port1.close();
    }
  },
  "structuredClone with such a list": ({ buffer }) =>
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }),
  "a message with a view": (bytes) => structuredClone(bytes),
};

for (const [what, attempt] of Object.entries(refused)) {
  test(`${what} is refused, and the view is as it was`, async () => {
    const small = malloc(64);
    const bytes = view(small, 16);
    assert.instance(await failureOf(() => attempt(bytes)), Error);
    assert.is(bytes.length, 16);
    bytes[3] = 7;
    assert.is(read.u8(small, 3), 7);
    free(small);
    check();
  });
}

test("what refuses to give a buffer away says what to do instead", async () => {
  const buffer = new ArrayBuffer(8) as Transferable;
  if (!("transfer" in buffer)) return;
  const error = refuses("transfer", "ERR_INVALID_STATE", () =>
    (refuseTransfer(buffer) as Transferable).transfer(),
  );
  assert.match(error.message, /slice/);
  assert.is(buffer.byteLength, 8);
});

async function failureOf(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt();
    return "nothing failed";
  } catch (error) {
    return error;
  }
}

test("an array that is asked for again at its place is the same memory, and never what lay there before", () => {
  const block = malloc(2 ** 27); // so much has a mapping of its own, whatever was freed before
  const again = () => typed(Float64Array, block, 4);
  again()[3] = 1.5;
  again()[0] = 0.5;
  const third = again();
  assert.equal([...third], [0.5, third[1], third[2], 1.5]);
  assert.is(again(), third, "kept by now");
  assert.is(typed(Float64Array, block, 3).length, 3, "of another length");
  assert.instance(typed(Uint32Array, block, 4), Uint32Array);
  assert.is(typed(Float64Array, (block + 8) as Pointer, 4)[2], 1.5);
  free(block);
  throwsHeapError(again, "ERR_INVALID_POINTER");
  const small = malloc(32);
  for (let i = 0; i < 4; i++) view(small, 8).fill(i);
  assert.is(view(small, 8)[7], 3);
  for (const length of ["4", 4.5, -1, undefined]) {
    throwsHeapError(() => typed(Uint8Array, small, length as number), "ERR_INVALID_ARG");
  }
  free(small);
});

test.run();
