/**
 * Blocks up to 9 KiB: cut in batches, and kept apart by size when freed, until joining them pays.
 */
import { free, malloc, type Pointer, stats, trim, walk } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { code, count, hex, line, say } from "./page.js";
import { same, verify } from "./proof.js";
import { Scene } from "./scene.js";

const ROW = 2200;
const SIZE = 200;

export const smallBlocks: Chapter = {
  title: "Small blocks wait for the next request of their size",
  run() {
    const scene = new Scene(ROW);
    say(
      "A small block is not cut alone: about 2 KiB is cut at once, one block goes out, and the others " +
        `wait. Of ${SIZE} bytes each, with header and rounded up to a multiple of 16, these take 208:`,
    );
    let a = 0 as Pointer;
    scene.step(`A = malloc(${SIZE})`, {}, () => {
      a = scene.name("A", malloc(SIZE));
    });
    const waiting = stats().cached / 200;
    verify(waiting > 1, "several blocks wait");
    say(`${count(waiting)} blocks wait. The next three requests take from them; no search, no cut:`);
    const more: Pointer[] = [];
    scene.step(`B, C, D = malloc(${SIZE}) three times`, {}, () => {
      for (const name of ["B", "C", "D"]) more.push(scene.name(name, malloc(SIZE)));
    });
    const [b, c, d] = more as [Pointer, Pointer, Pointer];
    say("Freed small blocks wait again. They are not joined, though B and C are neighbours:");
    scene.step("free(B), free(C)", {}, () => {
      free(b);
      free(c);
    });
    takeAgain(c);
    say(
      "When many wait, and when trim() asks for it, they are joined after all: B with C, which waits for a " +
        "request of that size or to be split, the others with the wilderness:",
    );
    scene.step("trim()", { joins: "some" }, () => trim());
    same("bytes that wait", stats().cached, 2 * 208 - 8);
    free(a);
    free(d);
    trim();
    same("the number of blocks of any kind", [...walk()].length, 0);
  },
};

/** A block that was freed is handed out again before any other of its size. */
function takeAgain(c: Pointer): void {
  const again = malloc(SIZE);
  same("the block that was freed last", again, c);
  code(`malloc(${SIZE})`, `${hex(again)}, which is C: freed last, used first`);
  free(again);
  code("free(C)");
  line();
}
