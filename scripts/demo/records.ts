/**
 * Several workers on one heap: one writes records, others read, verify and free them. Only pointers travel.
 */
import { check, stats } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { start } from "./crew.js";
import { code, count, hex, line, mebibytes, say, table } from "./page.js";
import { same, verify } from "./proof.js";
import { RING_BYTES } from "./ring.js";

const RECORDS = 30_000;

export const records: Chapter = {
  title: "One heap for all threads",
  async run() {
    say(
      "Three workers start, each with lists of free blocks of its own. The first allocates and writes " +
        `${count(RECORDS)} records of 24 to 279 bytes; the other two get every second pointer each, compare ` +
        "every byte, and free the record. Nothing is copied and nothing serialized:",
    );
    const writer = start("writer");
    const readers = [start("reader 1"), start("reader 2")];
    const rings = readers.map(() => new SharedArrayBuffer(RING_BYTES));
    await Promise.all([writer, ...readers].map((member) => member.ask("id")));
    same("threads with a heap", stats().threads, 4);
    const before = stats();
    const [written, ...taken] = await Promise.all([
      writer.ask("writeRecords", RECORDS, rings),
      ...readers.map((reader, index) => reader.ask("readRecords", RECORDS / 2, rings[index]!)),
    ]);
    const after = stats();
    const [first] = taken;
    same("the address of record 0 in the reader", first!.sample.pointer, written.sample.pointer);
    code(`writer:    malloc(${8 + written.sample.bytes})`, hex(written.sample.pointer));
    code(
      `reader 1:  free(${hex(first!.sample.pointer)})`,
      `record ${first!.sample.number}, every byte as it was written`,
    );
    line();
    const rows = [
      ["writer", count(RECORDS), mebibytes(written.bytes), "0"],
      ...taken.map(({ bytes }, index) => [
        readers[index]!.name,
        count(RECORDS / 2),
        mebibytes(bytes),
        count(RECORDS / 2),
      ]),
    ];
    table(["thread", " records", " bytes", " blocks freed for another thread"], rows);
    line();
    const bytesRead = taken.reduce((sum, { bytes }) => sum + bytes, 0);
    same("the bytes that were read", bytesRead, written.bytes);
    same(
      "the blocks freed by another thread than their own",
      after.remoteFrees - before.remoteFrees,
      RECORDS,
    );
    same("the blocks in use", after.blocks, 0);
    const grown = after.footprint - before.footprint;
    verify(
      grown < written.bytes / 3,
      `the footprint grew by only a part of what was written, not ${grown} bytes`,
    );
    check();
    say(
      `What a reader frees goes back to the writer, which uses it again: the footprint grew by ${mebibytes(grown)}, ` +
        `for ${mebibytes(written.bytes)} of records.`,
    );
  },
};
