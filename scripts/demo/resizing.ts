/**
 * realloc in place, forward and backward; and alignedAlloc, which gives back what it skips.
 */
import {
  alignedAlloc,
  free,
  malloc,
  NULL,
  type Pointer,
  realloc,
  stats,
  usableSize,
} from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { count, hex, line, paint, say } from "./page.js";
import { same, stamp, verify, verifyStamp } from "./proof.js";
import { Scene } from "./scene.js";

const ROW = 112 * 1024;
const ALIGNMENT = 4096;
const ALIGNED_SIZE = 1528;
const SEED = 7;

export const resizing: Chapter = {
  title: "Blocks grow in place where they can",
  run() {
    say("realloc gives a block another size. It copies only when the block can grow neither way:");
    const scene = new Scene(ROW);
    const [a, b, c, d] = takeFour(scene);
    forward(scene, a, b);
    const moved = backward(scene, a, c);
    free(moved);
    free(d);
    align(scene);
  },
};

function takeFour(scene: Scene): [Pointer, Pointer, Pointer, Pointer] {
  const taken: Pointer[] = [];
  scene.step("A, B, C, D = malloc(24568) four times", {}, () => {
    for (const name of ["A", "B", "C", "D"]) taken.push(scene.name(name, malloc(24_568)));
  });
  const [a, b, c, d] = taken as [Pointer, Pointer, Pointer, Pointer];
  stamp(a, 24_568, SEED);
  stamp(c, 24_568, SEED + 2);
  return [a, b, c, d];
}

function forward(scene: Scene, a: Pointer, b: Pointer): void {
  say("Forward: B is freed, and A grows over the gap. What it does not need of it stays free:");
  scene.step("free(B), realloc(A, 32760)", { joins: 1, splits: 1 }, () => {
    free(b);
    same("where A lies", realloc(a, 32_760), a);
  });
  verifyStamp("A", a, 24_568, SEED);
  result(`A is still at ${hex(a)}; all its bytes are as they were.`);
}

/** C grows over the gap below it; A is freed first, so that the gap is large enough. */
function backward(scene: Scene, a: Pointer, c: Pointer): Pointer {
  say("Backward: above C lies D, but below it A is freed. C grows downwards, and its bytes move along:");
  let moved = NULL;
  scene.step("free(A), C = realloc(C, 56000)", { joins: 2, splits: 1 }, () => {
    free(a);
    moved = scene.name("C", realloc(c, 56_000));
  });
  same("where C lies", moved, a);
  verifyStamp("C", moved, 24_568, SEED + 2);
  result(`C moved down by ${count(c - moved)} bytes to ${hex(moved)}; all its 24,568 bytes were compared.`);
  return moved;
}

function align(scene: Scene): void {
  say(
    `Alignment: this block must begin at a multiple of ${count(ALIGNMENT)}. The heap cuts a larger one and ` +
      "gives back what lies in front and behind, so only the block itself is used:",
  );
  const before = stats().allocated;
  let aligned = NULL;
  scene.step(`F = alignedAlloc(${ALIGNMENT}, ${ALIGNED_SIZE})`, { splits: "some" }, () => {
    aligned = scene.name("F", alignedAlloc(ALIGNMENT, ALIGNED_SIZE));
  });
  same("the rest of the address", aligned % ALIGNMENT, 0);
  same("bytes in use for it", stats().allocated - before, usableSize(aligned));
  verify(stats().free > 0, "what lies in front is free");
  result(
    `${hex(aligned)} = ${count(aligned / ALIGNMENT)} × ${count(ALIGNMENT)}, ` +
      `and ${count(usableSize(aligned))} bytes are in use.`,
  );
  free(aligned);
}

function result(text: string): void {
  line(paint.good(text));
  line();
}
