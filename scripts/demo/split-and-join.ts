/**
 * Blocks over 9 KiB: split when a request needs less than a free one has, joined with free neighbours when freed.
 */
import { free, malloc, type Pointer, stats, walk } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { hex, plural, say } from "./page.js";
import { legend } from "./picture.js";
import { same, stamp, verify, verifyStamp } from "./proof.js";
import { Scene } from "./scene.js";

const KIB = 1024;
const HEADER_BYTES = 8;
const ROW = 96 * KIB;

export const splitAndJoin: Chapter = {
  title: "Blocks are split, and joined again",
  run() {
    const scene = new Scene(ROW);
    const before = stats();
    legend();
    say("Four blocks are cut from the wilderness, the memory that the heap has not cut into blocks yet:");
    const [a, b, c, d] = takeFour(scene);
    say("Freeing B leaves a gap. Its neighbours are in use, so there is nothing to join it with:");
    scene.step("free(B)", {}, () => free(b));
    const gap = freeBlock();
    same("the gap", gap.pointer, b);
    splitAndRejoin(scene, b, gap.bytes);
    say(
      "Now C, whose neighbour below is free. A free block keeps its size at its upper end too, so C finds " +
        "where its neighbour begins without a search:",
    );
    scene.step("free(C)", { joins: 1 }, () => free(c));
    same("the start of the joined block", freeBlock().pointer, b);
    verifyStamp("A", a, 16_376, 3);
    verifyStamp("D", d, 16_376, 5);
    say("A, which lies below the gap, joins forward and becomes its new beginning:");
    scene.step("free(A)", { joins: 1 }, () => free(a));
    same("the start of the joined block", freeBlock().pointer, a);
    say(
      "D is joined both ways at once: with the free block below, and with the wilderness above, which is " +
        "no block and not counted. Nothing is left over:",
    );
    scene.step("free(D)", { joins: 1 }, () => free(d));
    same("the number of blocks of any kind", [...walk()].length, 0);
    say(
      `In all: ${plural(stats().splits - before.splits, "split")} and ` +
        `${plural(stats().merges - before.merges, "join")}.`,
    );
  },
};

function takeFour(scene: Scene): [Pointer, Pointer, Pointer, Pointer] {
  const sizes = { A: 16_376, B: 24_568, C: 16_376, D: 16_376 };
  const taken: Pointer[] = [];
  const program = Object.entries(sizes).map(([name, size]) => `${name} = malloc(${size})`);
  scene.step(program.join(", "), {}, () => {
    for (const [name, size] of Object.entries(sizes)) taken.push(scene.name(name, malloc(size)));
  });
  const four = taken as [Pointer, Pointer, Pointer, Pointer];
  stamp(four[0], 16_376, 3);
  stamp(four[3], 16_376, 5);
  return four;
}

/** E takes the lower part of the gap, and gives it back. */
function splitAndRejoin(scene: Scene, gap: Pointer, bytes: number): void {
  say("E needs less than the gap has. It takes the lower part; the rest stays free:");
  let e = gap;
  scene.step("E = malloc(12280)", { splits: 1 }, () => {
    e = scene.name("E", malloc(12_280));
  });
  same("where E lies", e, gap);
  const rest = freeBlock();
  same("E and the rest together", 12_280 + HEADER_BYTES + rest.bytes, bytes);
  say(`Freed again, E is joined with the free block above it, at ${hex(rest.pointer)}: joined forward.`);
  scene.step("free(E)", { joins: 1 }, () => free(e));
  same("the start of the gap", freeBlock().pointer, gap);
  same("the size of the gap", freeBlock().bytes, bytes);
}

/** The only free block; bytes with header. */
function freeBlock(): { pointer: Pointer; bytes: number } {
  const free = [...walk()].filter(({ state }) => state === "free");
  verify(free.length === 1, "there is exactly one free block");
  return { pointer: free[0]!.pointer, bytes: free[0]!.size + HEADER_BYTES };
}
