/**
 * trim(): pages of free blocks go back to the operating system, the addresses stay.
 */
import { calloc, free, malloc, type Pointer, stats, trim, view } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { closeLedger, enter, openLedger } from "./ledger.js";
import { code, count, line, mebibytes, say } from "./page.js";
import { same, verify } from "./proof.js";

const BLOCKS = 200;
const SIZE = 120_000;
const TOTAL = BLOCKS * SIZE;

export const givingBack: Chapter = {
  title: "Free memory goes back",
  run() {
    say(
      `${BLOCKS} blocks of ${count(SIZE)} bytes, each written to, then all but the last freed. The ` +
        "footprint is the memory that the heap has touched and not given back; resident is what the kernel " +
        "holds for the whole process:",
    );
    openLedger();
    const before = enter("at first");
    const taken: Pointer[] = [];
    enter(`${BLOCKS} × malloc(${SIZE})`, () => {
      for (let i = 0; i < BLOCKS; i++) taken.push(malloc(SIZE));
    });
    const full = enter("every byte written", () => {
      for (const pointer of taken) view(pointer).fill(1);
    });
    const last = taken.pop()!;
    const freed = enter("all but the last freed", () => taken.forEach(free));
    let given = 0;
    const trimmed = enter("trim()", () => {
      given = trim();
    });
    closeLedger();
    verify(full.footprint - before.footprint >= TOTAL, "the footprint grew by what was asked for");
    verify(full.resident - before.resident > TOTAL / 2, "the kernel gave memory when it was touched");
    same("the footprint after the frees", freed.footprint, full.footprint);
    same("the footprint after trim()", trimmed.footprint, freed.footprint - given);
    verify(freed.resident - trimmed.resident > TOTAL / 2, "the kernel took the memory back");
    say(
      `trim() gave ${mebibytes(given)} back. The free block is still there, and its memory comes again ` +
        "when it is used:",
    );
    useAgain(last, given);
  },
};

function useAgain(last: Pointer, given: number): void {
  const joins = stats().merges;
  const again = calloc(1, SIZE);
  verify(again < last, "the block lies where blocks were freed");
  verify(
    view(again).every((byte) => byte === 0),
    "the memory reads as zeroes",
  );
  same("joins by calloc", stats().merges, joins);
  verify(given > TOTAL / 2, "most of it was given back");
  code(`calloc(1, ${SIZE})`, "below the last block, and all zeroes");
  line();
  free(again);
  free(last);
}
