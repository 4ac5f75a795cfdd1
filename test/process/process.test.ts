/**
 * Setting the heap up: what a fresh one is like, what settings become, and the heap without memory that takes its
 * place where none can be had.
 */
import { createRequire } from "node:module";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeapError } from "../../src/errors.js";
import { LEAST_THRESHOLD } from "../../src/large/large-churn.js";
import { Control, NO_LIMIT } from "../../src/memory/control.js";
import { joinProcess } from "../../src/process/adopt.js";
import { applySettings, attach, openWindow } from "../../src/process/process.js";
import { defaults } from "../../src/process/settings.js";
import { noHooks } from "../../src/shared/hooks.js";
import { control, fakeHeap, footprintPages, record, take, verify } from "../support/fake-heap.js";
import { FakeOs, MIB, PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

test("a fresh heap is sound, empty, and small", () => {
  for (const settings of [{}, { reserve: 0 }, { reserve: 8 * MIB }]) {
    const of = fakeHeap(settings);
    verify(of);
    assert.is(control(of, "pageSize"), PAGE);
    assert.is(record(of, "blocks"), 0);
    assert.is(of.heap.wilderness.segments.count, 1);
    assert.ok(footprintPages(of) <= 10, `${footprintPages(of)} pages`);
  }
});

test("the secret differs from heap to heap, and its top bit is set", () => {
  const secrets = Array.from({ length: 8 }, () => fakeHeap({ reserve: 0 }).heap.secret);
  assert.ok(new Set(secrets).size >= 7);
  for (const secret of secrets) assert.ok(secret < 0);
});

test("where the kernel gives no random bytes there is a secret all the same", () => {
  const secrets = Array.from({ length: 8 }, () => {
    const os = new FakeOs();
    os.refused.add("randomize");
    return openWindow(os, { ...defaults, reserve: 0 }).words[Control.secret]!;
  });
  assert.ok(new Set(secrets).size >= 7);
  for (const secret of secrets) assert.ok(secret < 0);
});

test("the first payload is 16-byte aligned wherever the break was", () => {
  const of = fakeHeap();
  assert.is(of.heap.window.pointerOf(take(of, 64)) % 16, 0);
});

test("settings become pages and flags", () => {
  const m = new Int32Array(64);
  m[Control.pageSize] = PAGE;
  applySettings(m, { limit: 10 * PAGE + 4095, mmapThreshold: 5000, trimThreshold: PAGE + 1 });
  assert.is(m[Control.limitPages], 10, "rounded down");
  assert.is(m[Control.trimPages], 2, "rounded up");
  assert.equal([m[Control.mmapThreshold], m[Control.isThresholdDynamic]], [5000, 0]);
  applySettings(m, { limit: Number.POSITIVE_INFINITY, mmapThreshold: "dynamic", trimThreshold: 0 });
  assert.is(m[Control.limitPages], NO_LIMIT);
  assert.is(m[Control.trimPages], 0);
  assert.equal([m[Control.mmapThreshold], m[Control.isThresholdDynamic]], [LEAST_THRESHOLD, 1]);
  applySettings(m, { ...defaults, limit: Number.MAX_SAFE_INTEGER });
  assert.is(m[Control.limitPages], NO_LIMIT);
});

test("no memory for the first segment is ERR_OUT_OF_MEMORY", () => {
  const os = new FakeOs();
  const map = os.map.bind(os);
  os.map = (address, bytes) => (os.count("map") > 0 ? -1 : map(address, bytes));
  const hooks = noHooks();
  throwsHeapError(
    () => joinProcess(openWindow(os, { ...defaults, reserve: 0 }), os, hooks),
    "ERR_OUT_OF_MEMORY",
    /no memory for a heap/,
  );
});

test("a runtime that forbids views throws what it says", () => {
  const os = new FakeOs();
  os.refused.add("view");
  assert.throws(() => openWindow(os, defaults), /External buffers are not allowed/);
});

/** attach() with the environment and the process as they might be. */
function attachWith(changes: { env?: Record<string, string>; platform?: string }) {
  const { env } = process;
  const platform = Object.getOwnPropertyDescriptor(process, "platform")!;
  process.env = { ...env, ...changes.env };
  if (changes.platform !== undefined)
    Object.defineProperty(process, "platform", { ...platform, value: changes.platform });
  try {
    return attach();
  } finally {
    process.env = env;
    Object.defineProperty(process, "platform", platform);
  }
}

test("attaching where views over raw memory are forbidden names that as the reason", () => {
  const koffi = createRequire(import.meta.url)("koffi") as { view: unknown };
  const { view } = koffi;
  koffi.view = () => {
    throw new Error("External buffers are not allowed");
  };
  try {
    const { unusable } = attachWith({ env: { HEAPWRIGHT_RESERVE: "0" } });
    assert.is(unusable?.code, "ERR_UNSUPPORTED_PLATFORM");
    assert.match(unusable?.message ?? "", /External buffers are not allowed.*Electron/);
  } finally {
    koffi.view = view;
  }
});

test("attaching gives a heap of the process's own memory", () => {
  const { heap, unusable } = attachWith({});
  assert.is(unusable, null);
  const pointer = heap.allocate(100);
  assert.ok(heap.liveBlock(pointer) !== 0 && heap.freeSmall(pointer));
});

test("attaching twice in a thread, as two copies of the library do, gives one heap", () => {
  const [one, other] = [attachWith({}).heap, attachWith({}).heap];
  assert.is(one.record, other.record);
  const pointer = one.allocate(100);
  assert.ok(other.freeSmall(pointer));
  assert.is(one.liveBlock(pointer), 0);
});

test("the environment counts when the first thread attaches, and not later", () => {
  for (const limit of ["64M", "much"]) {
    const { heap, unusable } = attachWith({ env: { HEAPWRIGHT_LIMIT: limit } });
    assert.is(unusable, null);
    assert.is(heap.pressure().limit, Number.POSITIVE_INFINITY);
  }
});

test("attaching never throws: a platform that cannot carry it is kept as the reason, and the heap has no memory", () => {
  const { heap, unusable } = attachWith({ platform: "darwin" });
  assert.instance(unusable, HeapError);
  assert.is(unusable?.code, "ERR_UNSUPPORTED_PLATFORM");
  for (const size of [0, 100, 5000, 200_000, 2 ** 40]) {
    assert.is(heap.popSmall(Math.min(size, 1000)), 0);
    assert.is(heap.allocate(size), 0);
  }
  for (const pointer of [0, 16, 2 ** 20 + 16, 2 ** 21 + 8192, 2 ** 47, -1]) {
    assert.not.ok(heap.freeSmall(pointer));
    assert.is(heap.liveBlock(pointer), 0);
    assert.is(heap.liveBlockOfAny(pointer), 0);
    assert.ok(heap.large.sizeOf(pointer) < 0);
  }
});

test.run();
