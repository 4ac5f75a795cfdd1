/**
 * A block over 128 KiB: a mapping of its own, asked of the kernel, resized by it, and given back to it.
 */
import { free, malloc, NULL, read, realloc, stats, view, write } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { closeLedger, enter, openLedger, type Row } from "./ledger.js";
import { count, hex, say } from "./page.js";
import { same, verify, watch } from "./proof.js";

const MIB = 2 ** 20;
const SIZE = 64 * MIB;
const GROWN = 96 * MIB;
const SHRUNK = 8 * MIB;
const MARK = 0x600dcafe;
/** The resident memory of a process sways by a few MiB by itself; what is shown is far above that. */
const CLEARLY = SIZE / 2;

interface Life {
  readonly rows: readonly Row[];
  readonly taken: string;
  readonly grown: string;
  readonly growMicroseconds: number;
}

export const largeBlock: Chapter = {
  title: "A large block comes and goes",
  run() {
    say(
      "A request over 128 KiB does not come out of the heap's own memory: it gets a mapping, pages that " +
        "the kernel gives for it alone (mmap). That costs address space at once, and memory when it is " +
        "touched:",
    );
    let life: Life | undefined;
    const calls = watch(() => {
      life = live();
    });
    same("calls of mmap", calls.mmaps, 1);
    same("calls of mremap", calls.mremaps, 2);
    same("calls of munmap", calls.munmaps, 1);
    tell(life!);
  },
};

/** The whole life of one block, a row for each step. */
function live(): Life {
  openLedger();
  let big = NULL;
  const rows = [enter("at first")];
  rows.push(enter(`big = malloc(${SIZE / MIB} MiB)`, () => (big = malloc(SIZE))));
  const taken = hex(big);
  rows.push(enter("every page written", () => view(big).fill(1)));
  write.u32(big, MARK, SIZE - 4);
  let growMicroseconds = 0;
  const grow = () => {
    const start = performance.now();
    big = realloc(big, GROWN);
    growMicroseconds = (performance.now() - start) * 1000;
  };
  rows.push(enter(`big = realloc(big, ${GROWN / MIB} MiB)`, grow));
  const grown = hex(big);
  same("the last word after growing", read.u32(big, SIZE - 4), MARK);
  same("a word of what is new", read.u32(big, GROWN - 4), 0);
  rows.push(enter(`big = realloc(big, ${SHRUNK / MIB} MiB)`, () => (big = realloc(big, SHRUNK))));
  verify(
    view(big, SHRUNK).every((byte) => byte === 1),
    "what was kept is as it was",
  );
  rows.push(enter("free(big)", () => free(big)));
  closeLedger();
  return { rows, taken, grown, growMicroseconds };
}

function tell({ rows, taken, grown, growMicroseconds }: Life): void {
  const [first, mapped, written, , shrunk, last] = rows as [Row, Row, Row, Row, Row, Row];
  verify(mapped.footprint - first.footprint >= SIZE, "the footprint rises by the block's size");
  verify(mapped.resident - first.resident < CLEARLY, "a mapping takes no memory before it is touched");
  verify(written.resident - mapped.resident > CLEARLY, "a touched page takes memory");
  verify(written.resident - shrunk.resident > CLEARLY, "what was cut off went back");
  same("the footprint at the end", last.footprint, first.footprint);
  same("blocks in use", stats().blocks, 0);
  const where = taken === grown ? `at the same place, ${taken}` : `from ${taken} to ${grown}`;
  say(
    `Growing took ${count(Math.round(growMicroseconds))} microseconds: the kernel rearranged pages ` +
      `(mremap) and copied no byte; the block went on ${where}. free() gave the mapping back (munmap), and ` +
      "the footprint is what it was.",
  );
}
