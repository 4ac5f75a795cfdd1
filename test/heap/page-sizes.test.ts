/**
 * Kernels with pages of 16 and 64 KiB, as arm64's are: a heap under random work gives back whole pages of those, and no others.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NULL, type Pointer } from "../../src/memory/memory.js";
import { anotherThread, charged, control, fakeHeap, free, sendBack, verify } from "../support/fake-heap.js";
import { MIB } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";

const STEPS = 6000;
const SLOTS = 150;

for (const pageSize of [16_384, 65_536]) {
  test(`random blocks of one thread and another, pages of ${pageSize} bytes`, () => {
    const of = fakeHeap({ trimThreshold: 2 * MIB }, { pageSize });
    const { heap } = of;
    const random = new Random(testSeed(`pages of ${pageSize}`));
    const live = new Array<Pointer>(SLOTS).fill(NULL);
    const size = () => (random.chance(0.05) ? random.int(100_000, MIB) : random.spread(1, 60_000));
    const release = (pointer: Pointer) => {
      if (heap.large.free(pointer) >= 0) return;
      free(of, pointer);
    };
    const other = anotherThread(of, 2);
    of.os.threads.current = 1;
    for (let step = 0; step < STEPS; step++) {
      const slot = random.int(0, SLOTS - 1);
      const pointer = live[slot]!;
      if (pointer !== NULL && random.chance(0.2) && sendBack(other.heap, pointer)) {
        of.os.threads.current = 1;
      } else if (pointer !== NULL) release(pointer);
      live[slot] = heap.allocate(size());
      const at = live[slot]! - heap.window.base;
      heap.window.bytes.fill(step, at, at + 16);
      if (step % 500 === 0) {
        heap.trim();
        verify(of);
      }
    }
    verify(of);
    assert.ok(of.os.count("discard") > 0 && control(of, "munmaps") > 0);
    other.heap.outbox.flush();
    for (const pointer of live) if (pointer !== NULL) release(pointer);
    heap.drain();
    heap.trim();
    verify(of);
    assert.ok(charged(of) * pageSize <= 4 * pageSize + 2 ** 18, `${charged(of)} pages`);
  });
}

test.run();
