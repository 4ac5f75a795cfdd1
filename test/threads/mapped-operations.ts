/**
 * Operations on large blocks and on segments, in which a thread may die: what the lock guards.
 */
import * as assert from "uvu/assert";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { Rec } from "../../src/heap/record.js";
import { vacateClosed, vacateWilderness } from "../../src/heap/vacate.js";
import { CHUNK_BYTES, CHUNK_WORDS, Control } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import { isKept, isVacant, vacantChunks } from "../../src/space/vacant.js";
import { MIB } from "../support/fake-os.js";
import { type Scene, SURVIVOR, VICTIM } from "./scene.js";
import { nothing, type Operation, release } from "./staging.js";

/** Makes a segment of the victim's that has no block left, between those of others; mapped ones, if all else is taken. */
function emptied(scene: Scene, isMapped: boolean): void {
  const [heap, other] = [scene.as(VICTIM), scene.as(SURVIVOR)];
  const { segments } = heap.wilderness;
  const own = (of: ThreadHeap) => of.wilderness.ownSegments().length;
  const more = (of: ThreadHeap, thread: number) => {
    scene.as(thread);
    const before = own(of);
    const pointers: Pointer[] = [];
    while (own(of) === before) pointers.push(scene.take(of, 100_000));
    return pointers;
  };
  const isFull = () => heap.words[Control.nextChunk] === heap.words[Control.breakChunks];
  do more(other, SURVIVOR);
  while (isMapped && !isFull());
  const [last] = more(heap, VICTIM).slice(-1); // the first block of a new segment
  more(other, SURVIVOR);
  const rest = more(heap, VICTIM).slice(0, -1);
  assert.is(segments.count, own(heap) + own(other));
  for (const pointer of [last!, ...rest]) scene.give(heap, pointer);
  heap.trim(); // all but what the operation is about is done
}

/** Leaves no room but so many vacant chunks in a row. */
function full(scene: Scene, chunks = 1): Pointer[] {
  const heap = scene.as(VICTIM);
  const { segments } = heap.wilderness;
  const id = segments.open(chunks * CHUNK_WORDS, heap.words[heap.record + Rec.entry]!, 0);
  for (const size of [MIB, 300_000, 200_000, 140_000]) {
    for (let p = heap.large.allocate(size, 16); p !== 0; p = heap.large.allocate(size, 16))
      scene.hold(heap, p);
  }
  segments.vacate(id, segments.start(id));
  return [];
}

function isWhereSegmentsWere(heap: ThreadHeap, pointer: Pointer): boolean {
  return pointer > 0 && isKept(heap.words, Math.floor((pointer - heap.window.base) / CHUNK_BYTES));
}

const vacated = (heap: ThreadHeap, work: () => void) => {
  const before = heap.wilderness.ownSegments().length;
  work();
  assert.is(heap.wilderness.ownSegments().length, before - 1);
};

export const mappedOperations: Record<string, Operation> = {
  "mmap of a large block": { prepare: nothing, run: (heap) => heap.allocate(300_000), lost: 1 },
  "mmap of a large block between others": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers: Pointer[] = [];
      for (const size of [MIB, 300_000]) {
        for (let p = heap.large.allocate(size, 16); p !== 0; p = heap.large.allocate(size, 16)) {
          scene.hold(heap, p);
          pointers.push(p);
        }
      }
      for (const at of [2, 3]) scene.give(heap, pointers[at]!);
      scene.take(heap, 300_000); // in place of both, and takes the entry of one
      scene.take(heap, 300_000); // and of the other
      return [];
    },
    run: (heap) => {
      const pointer = heap.allocate(300_000);
      const m = heap.words;
      const last = m[Control.mappings]! + 2 * (m[Control.mappingsUsed]! - 1);
      const page = heap.window.pageOf(pointer, m[Control.pageSize]!);
      assert.ok(page < m[last]! - 1, "entries moved");
    },
    lost: 1,
  },
  "mremap of a large block that grows bit by bit, and gets slack": {
    prepare: (scene) => release(scene, scene.take(scene.as(VICTIM), 300_000)),
    run: (heap, [pointer]) => {
      const moved = heap.large.resize(pointer!, 305_000);
      assert.is(heap.large.resizeWithin(moved, 310_000), moved);
      heap.large.resize(moved, 400_000);
    },
    lost: 1,
  },
  "giving slack back": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointer = scene.take(heap, 300_000);
      scene.held.delete(pointer);
      scene.hold(heap, heap.large.resize(pointer, 305_000) as Pointer);
      return [];
    },
    run: (heap) => assert.ok(heap.large.unmapSlack() > 0),
    lost: 0,
  },
  "munmap of a large block": {
    prepare: (scene) => release(scene, scene.take(scene.as(VICTIM), 300_000)),
    run: (heap, [pointer]) => heap.large.free(pointer!),
    lost: 1,
  },
  "mremap in place": {
    prepare: (scene) => release(scene, scene.take(scene.as(VICTIM), 300_000)),
    run: (heap, [pointer]) => heap.large.resize(pointer!, 500_000),
    lost: 1,
  },
  "mremap to another place": {
    prepare: (scene) => {
      const block = scene.take(scene.as(VICTIM), 300_000);
      scene.take(scene.as(SURVIVOR), 300_000);
      return release(scene, block);
    },
    run: (heap, [pointer]) => heap.large.resize(pointer!, 500_000),
    lost: 1,
  },
  "vacating a segment": {
    prepare: (scene) => {
      emptied(scene, false);
      scene.as(VICTIM);
      return [];
    },
    run: (heap) => vacated(heap, () => vacateClosed(heap.pool)),
    lost: 0,
  },
  "vacating the end of a segment, and growing there again": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 30 }, () => scene.take(heap, 100_000));
      for (const pointer of pointers) scene.give(heap, pointer);
      heap.trim();
      return [];
    },
    run: (heap) => {
      vacateWilderness(heap.wilderness);
      assert.ok(
        isVacant(
          heap.words,
          heap.wilderness.segments.end(heap.words[heap.record + Rec.segment]!) / CHUNK_WORDS,
        ),
      );
      for (let i = 0; i < 20; i++) heap.allocate(100_000);
    },
    lost: 20,
  },
  "vacating the end of a segment that is closed": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const first = Array.from({ length: 45 }, () => scene.take(heap, 100_000));
      const other = scene.as(SURVIVOR);
      while (other.wilderness.ownSegments().length === 1) scene.take(other, 100_000);
      scene.as(VICTIM);
      while (heap.wilderness.ownSegments().length === 1) first.push(scene.take(heap, 100_000));
      for (const pointer of first.slice(1)) scene.give(heap, pointer);
      heap.trim();
      return [];
    },
    run: (heap) => {
      const { segments } = heap.wilderness;
      const [id] = heap.wilderness.ownSegments() as [number];
      const end = segments.end(id);
      vacateClosed(heap.pool);
      assert.is(segments.end(id) / CHUNK_WORDS, segments.chunkStart(id) / CHUNK_WORDS + 1);
      assert.ok(isVacant(heap.words, end / CHUNK_WORDS - 1));
      for (let i = 0; i < 8; i++) heap.allocate(100_000);
    },
    lost: 30,
  },
  "malloc that opens a segment in vacant chunks": {
    prepare: (scene) => {
      emptied(scene, false);
      const heap = scene.as(VICTIM);
      vacated(heap, () => vacateClosed(heap.pool));
      return [];
    },
    run: (heap) => {
      const before = heap.wilderness.ownSegments().length;
      while (heap.wilderness.ownSegments().length === before) heap.allocate(100_000);
    },
    lost: 30,
  },
  "mapping what is missing between vacant chunks": {
    prepare: (scene) => {
      emptied(scene, true);
      const heap = scene.as(VICTIM);
      const { segments } = heap.wilderness;
      for (const _ of [1, 2]) {
        const id = segments.open(CHUNK_WORDS, heap.words[heap.record + Rec.entry]!, 0);
        segments.vacate(id, segments.start(id));
      }
      return [];
    },
    run: (heap) =>
      assert.ok(heap.wilderness.segments.open(3 * CHUNK_WORDS, heap.words[heap.record + Rec.entry]!, 2) >= 0),
    lost: 0,
  },
  "mmap and munmap of a large block where a segment was": {
    prepare: (scene) => full(scene),
    run: (heap) => {
      const pointer = heap.large.allocate(500_000, 16);
      assert.ok(isWhereSegmentsWere(heap, pointer));
      heap.large.free(pointer);
    },
    lost: 1,
  },
  "mremap of a large block where a segment was, which shrinks": {
    prepare: (scene) => {
      full(scene, 2);
      const heap = scene.as(VICTIM);
      const pointer = scene.take(heap, 1_500_000);
      assert.ok(isWhereSegmentsWere(heap, pointer));
      return release(scene, pointer);
    },
    run: (heap, [pointer]) => {
      assert.is(heap.large.resize(pointer!, 300_000), pointer);
      assert.is(vacantChunks(heap.words), 1);
    },
    lost: 1,
  },
  "mremap of a large block where a segment was, which moves": {
    prepare: (scene) => {
      full(scene, 4);
      const heap = scene.as(VICTIM);
      const pointer = scene.take(heap, 500_000);
      assert.ok(isWhereSegmentsWere(heap, pointer));
      scene.take(heap, 500_000);
      return release(scene, pointer);
    },
    run: (heap, [pointer]) => {
      const moved = heap.large.resize(pointer!, 1_500_000);
      assert.ok(moved > 0 && moved !== pointer);
      assert.is(vacantChunks(heap.words), 1);
    },
    lost: 1,
  },
  "mmap of a large block where a segment was": {
    prepare: (scene) => {
      emptied(scene, true);
      const heap = scene.as(VICTIM);
      for (const size of [MIB, 300_000, 200_000, 140_000]) {
        for (let p = heap.large.allocate(size, 16); p !== 0; p = heap.large.allocate(size, 16))
          scene.hold(heap, p);
      }
      return [];
    },
    run: (heap) => vacated(heap, () => assert.is.not(heap.allocateLarge(500_000, 16), 0)),
    lost: 1,
  },
};
