/**
 * Containers that were freed: whoever uses one is told so, in the object that freed it always, in others while the memory is free.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../scripts/worker.js";
import { HashMap, Queue, StringTable, Vector } from "../../src/containers/index.js";
import { calloc, check, free, type Pointer, stats } from "../../src/index.js";
import { throwsHeapError } from "../support/throws.js";
import { usesOf } from "./uses.js";

const make = {
  Vector: () => new Vector("u32"),
  HashMap: () => new HashMap("string", "u32"),
  Queue: () => new Queue(256),
  StringTable: () => new StringTable(),
};

for (const name of Object.keys(make) as (keyof typeof make)[]) {
  test(`${name}: each use after free() throws ERR_DISPOSED, also when something else lies there`, async () => {
    const { blocks } = stats();
    const container = make[name]();
    const same = usesOf(name, container.pointer);
    for (const use of usesOf(name, container)) use();
    container.free();
    for (const use of [...usesOf(name, container), ...same]) throwsHeapError(use, "ERR_DISPOSED");
    const others: Pointer[] = [];
    for (let size = 16; size < 2000; size += 8) others.push(calloc(1, size));
    const next = make[name]();
    for (const use of usesOf(name, container)) throwsHeapError(use, "ERR_DISPOSED");
    throwsHeapError(() => container.free(), "ERR_DOUBLE_FREE");
    container[Symbol.dispose]();
    for (const use of usesOf(name, next)) use();
    next.free();
    others.forEach(free);
    check();
    assert.is(stats().blocks, blocks);
  });
}

test("in another thread", async () => {
  const program = new URL("./programs/uses-freed.ts", import.meta.url);
  const containers = Object.entries(make).map(([name, of]) => ({ name, container: of() }));
  const worker = startWorker(
    program,
    containers.map(({ name, container }) => ({ name, pointer: container.pointer })),
  );
  assert.equal(await once(worker, "message"), [[]]);
  for (const { container } of containers) container.free();
  worker.postMessage("freed");
  const [codes] = (await once(worker, "message")) as [string[]];
  assert.ok(codes.length > 10);
  assert.equal([...new Set(codes)], ["ERR_DISPOSED"]);
  await worker.terminate();
});

test.run();
