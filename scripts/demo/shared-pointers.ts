/**
 * Several threads, one heap: what one allocates, any other reads and frees, and it comes back to its owner.
 */
import { free, type Pointer, read, stats, walk } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { type Hand, withHands } from "./crew.js";
import { heapOf, ownHeap } from "./header.js";
import { newMailbox } from "./mailbox.js";
import { code, count, hex, line, mebibytes, paint, say } from "./page.js";
import { drawBlocks, verifyAccount } from "./picture.js";
import { same, verify, verifyStamp } from "./proof.js";
import { recordBytes } from "./records.js";

const ROW = 16 * 1024;
/** Header included this is 2 KiB: four of them make a chain. */
const SIZE = 2040;
const NAMES = ["A", "B", "C", "D", "E", "F"] as const;
const SEED = 11;
const RECORDS = 100_000;
/** Pointers on their way to one reader, at most. */
const ON_THEIR_WAY = 256;

export const sharedPointers: Chapter = {
  title: "A pointer means the same in every thread",
  async run() {
    say(
      "Each thread that imports heapwright gets a heap of its own: free lists that no other thread touches, " +
        "so malloc takes no lock. All heaps lie in one range of memory, and a pointer that one thread made " +
        "can be read, written and freed in every other.",
    );
    await withHands(3, async (reader, other, writer) => {
      tellHeaps([reader, other, writer]);
      await oneByOne(writer);
      await many(writer, [reader, other]);
    });
  },
};

function tellHeaps(workers: readonly Hand[]): void {
  const heaps = [ownHeap(), ...workers.map(({ heap }) => heap)];
  same("the number of different heaps", new Set(heaps).size, heaps.length);
  same("threads with a heap", stats().threads, heaps.length);
  code("stats().threads", `${stats().threads}: the main thread and three workers`);
  for (const [index, heap] of heaps.entries()) {
    code(index === 0 ? "the main thread" : `worker ${index}`, `its heap begins at ${hex(heap)}`);
  }
  line();
}

/** A few blocks of the worker's, freed here. */
async function oneByOne(worker: Hand): Promise<void> {
  const pointers = await worker.ask(
    "take",
    NAMES.map(() => SIZE),
    SEED,
  );
  const names = new Map(pointers.map((pointer, index) => [pointer, NAMES[index]!]));
  const [a, b, , , , f] = pointers as [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer];
  say("Worker 3 allocates six blocks, writes to them, and sends their addresses. Its heap:");
  code("A, B, C, D, E, F = malloc(2040), in worker 3");
  await picture(worker, names);
  for (const [index, pointer] of pointers.entries()) {
    same(`the heap of ${NAMES[index]!}`, heapOf(pointer), worker.heap);
    verifyStamp(NAMES[index]!, pointer, SIZE, SEED + index);
  }
  code("read.u32(B), in the main thread", `0x${read.u32(b).toString(16)} at ${hex(b)}: what worker 3 wrote`);
  line();
  await sendBack(worker, pointers.slice(1, 5), names);
  await takeBack(worker, names, [b, f]);
  await worker.ask("give", [a]);
  free(f);
}

async function sendBack(worker: Hand, pointers: readonly Pointer[], names: Names): Promise<void> {
  say(
    "The main thread frees B to E. It must not touch the free lists of worker 3, so it marks each block as " +
      "freed, collects 8 KiB of them or 32, and sends them to their owner as one chain:",
  );
  const before = stats();
  pointers.forEach(free);
  const { remoteFrees, remote, blocks } = stats();
  code("free(B), free(C), free(D), free(E)", "in the main thread");
  same("frees by another thread", remoteFrees - before.remoteFrees, pointers.length);
  same("bytes on their way back", remote - before.remote, pointers.length * SIZE);
  same("blocks in use", before.blocks - blocks, pointers.length);
  await picture(worker, names);
  line(`${paint.remote("░░░░")}   freed by another thread, and not yet taken back by its own`);
  line();
}

async function takeBack(worker: Hand, names: Names, [from, to]: [Pointer, Pointer]): Promise<void> {
  say(
    "Worker 3 looks for what came back when it needs memory: when it has no block of a size at hand. Then " +
      "they are its own again, and lie in the list of their size:",
  );
  const [again] = (await worker.ask("take", [SIZE], SEED)) as [Pointer];
  code("G = malloc(2040), in worker 3", `${hex(again)}, where B to E were`);
  verify(again >= from && again < to, "the block lies where others were freed in another thread");
  same("bytes on their way back", stats().remote, 0);
  await picture(worker, new Map([...names, [again, "G"]]));
  free(again);
}

type Names = ReadonlyMap<Pointer, string>;

async function picture(worker: Hand, names: Names): Promise<void> {
  const blocks = await worker.ask("walk");
  same("the heap that was walked", heapOf(blocks[0]!.pointer), worker.heap);
  drawBlocks(blocks, ROW, names);
  line();
}

/** One worker writes records, two others read and free them; only pointers travel. */
async function many(writer: Hand, readers: readonly Hand[]): Promise<void> {
  say(
    `Now ${count(RECORDS)} records of 8 to 516 bytes. Worker 3 allocates and writes them; workers 1 and 2 ` +
      "compare every word and free them. Through the mailboxes between them, rings in a SharedArrayBuffer, " +
      "only pointers travel:",
  );
  const boxes = readers.map(() => newMailbox(ON_THEIR_WAY));
  const before = stats();
  const reading = readers.map((reader, index) =>
    reader.ask("readAndFree", RECORDS, index, readers.length, boxes[index]!),
  );
  const [, ...read] = await Promise.all([writer.ask("write", RECORDS, boxes), ...reading]);
  const after = stats();
  const [first, second] = read as [number, number];
  same("records that were read", first + second, RECORDS);
  same("frees by another thread", after.remoteFrees - before.remoteFrees, RECORDS);
  const bytes = sumOf(RECORDS, recordBytes);
  const grown = after.footprint - before.footprint;
  verify(grown < bytes / 4, "memory that came back was used again");
  code("worker 3", `${count(RECORDS)} records written, ${mebibytes(bytes)}`);
  code("worker 1", `${count(first)} verified and freed`);
  code("worker 2", `${count(second)} verified and freed`);
  code("stats().remoteFrees", `${count(after.remoteFrees - before.remoteFrees)} more`);
  code("stats().footprint", `${mebibytes(grown)} more: what comes back is used again`);
  line();
  await comeHome([...readers, writer]);
}

async function comeHome(workers: readonly Hand[]): Promise<void> {
  for (const worker of workers) await worker.ask("trim");
  const walks = await Promise.all(workers.map((worker) => worker.ask("walk")));
  verifyAccount([...walk(), ...walks.flat()]);
  same("blocks in use", stats().blocks, 0);
}

function sumOf(upTo: number, value: (number: number) => number): number {
  let sum = 0;
  for (let number = 0; number < upTo; number++) sum += value(number);
  return sum;
}
