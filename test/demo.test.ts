/**
 * The tour: runs it as a user would, on a pipe, and reads what it printed.
 *
 * The tour verifies its own claims and ends with an error when one does not hold; here it is made sure that each
 * chapter shows what it is there for.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { traceNames } from "../bench/trace.js";
import { type Outcome, runProgram } from "./support/child.js";

/** Far above what it takes, also on a busy machine. */
const LIMIT_MS = 500_000;
const ADDRESS = "0x[0-9a-f]{6,12}";

let ran: Promise<Outcome> | undefined;

/** One run for all tests. */
function tour(): Promise<Outcome> {
  ran ??= runProgram(new URL("../scripts/demo.ts", import.meta.url), { limitMs: LIMIT_MS });
  return ran;
}

/** What stands under the heading that contains `title`, its line breaks made spaces. */
async function chapter(title: string): Promise<string> {
  const { stdout } = await tour();
  const chapters = stdout.split(/\n(?=\d+ {2}\S)/);
  const found = chapters.filter((text) => text.split("\n", 1)[0]!.includes(title));
  assert.is(found.length, 1, `one chapter is called "${title}"`);
  return found[0]!;
}

function shows(text: string, pattern: string): void {
  assert.match(text, new RegExp(pattern.replaceAll("ADDRESS", ADDRESS)));
}

/** The pictures of a chapter, each as its row of boxes and its row of sizes. */
function pictures(text: string): Array<{ boxes: string[]; sizes: number[] }> {
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    if (!line.startsWith("  ┌")) return [];
    const boxes = lines[at + 1]!.trim().split("│").slice(1);
    const sizes = lines[at + 3]!.trim().split(/\s+/).filter(Boolean);
    return [
      { boxes: boxes.map((box) => box.trim()), sizes: sizes.map((size) => Number(size.replace(",", ""))) },
    ];
  });
}

test("ends well, in time, and says nothing on standard error", async () => {
  const { code, signal, stdout, stderr, timedOut } = await tour();
  assert.is(timedOut, false, stdout.slice(-500));
  assert.is(stderr, "");
  assert.is(signal, null);
  assert.is(code, 0);
  shows(stdout, "All \\d+ claims verified in \\d+ seconds\\.\\n$");
});

test("prints plain text of at most 100 columns on a pipe", async () => {
  const { stdout } = await tour();
  assert.not.match(stdout, "\u001b");
  assert.not.match(stdout, "\r");
  for (const line of stdout.split("\n")) assert.ok([...line].length <= 100, line);
});

test("an int: its address, its header, and the same block again", async () => {
  const text = await chapter("One int");
  const [, int] = /const int = malloc\(4\) +(0x[0-9a-f]+)/.exec(text) ?? [];
  assert.ok(int);
  shows(text, "read\\.i32\\(int\\) +42\\n");
  const header = (Number(int) - 8).toString(16);
  shows(text, `0x${header} +20 00 00 00 +size 32`);
  shows(text, `0x${header} +24 00 00 00 +size 32 .*"cached"`);
  shows(text, `${int} +2a 00 00 00 `);
  shows(text, "atoi\\(text\\) +1234\\n");
  shows(text, `malloc\\(4\\) +${int}, the same block again`);
});

test("blocks split, and joined forward, backward and both ways", async () => {
  const text = await chapter("split, and joined");
  const [four, gap, split, rejoined, backward, forward, empty] = pictures(text);
  assert.equal(four!.sizes, [16_384, 24_576, 16_384, 16_384]);
  shows(gap!.boxes.join(), "█ A █.*,free,█+ C █.*,█+ D █.*,wilderness");
  shows(text, "E = malloc\\(12280\\) +1 split\\n");
  assert.equal(split!.sizes, [16_384, 12_288, 12_288, 16_384, 16_384]);
  shows(text, "free\\(E\\) +1 join\\n");
  assert.equal(rejoined, gap);
  shows(text, "free\\(C\\) +1 join\\n");
  assert.equal(backward!.sizes, [16_384, 40_960, 16_384]);
  shows(text, "free\\(A\\) +1 join\\n");
  assert.equal(forward!.sizes, [57_344, 16_384]);
  assert.equal(empty, { boxes: ["wilderness"], sizes: [] });
});

test("small blocks wait, and are joined in the end", async () => {
  const text = await chapter("Small blocks");
  const [one, , freed, joined] = pictures(text);
  const filled = (boxes: readonly string[], filling: string) =>
    boxes.filter((box) => box.includes(filling)).length;
  assert.is(filled(one!.boxes, "█"), 1);
  assert.is(filled(one!.boxes, "▒"), 8);
  assert.is(filled(freed!.boxes, "▒"), 7);
  assert.is(filled(joined!.boxes, "▒"), 1);
  assert.is(filled(joined!.boxes, "free"), 0);
  shows(text, "malloc\\(200\\) +ADDRESS, which is C");
});

test("realloc in place forward and backward, and an aligned block", async () => {
  const text = await chapter("grow in place");
  shows(text, "A is still at ADDRESS");
  shows(text, "C moved down by 49,152 bytes to ADDRESS");
  shows(text, "0x[0-9a-f]+000 = [\\d,]+ × 4,096");
  assert.is(pictures(text).length, 4);
});

test("memory given back, and a large block that comes and goes", async () => {
  const trimmed = await chapter("goes back");
  shows(trimmed, "trim\\(\\) gave 2\\d\\.\\d MiB back");
  shows(trimmed, "trim\\(\\) +0\\.1 MiB +0\\.1 MiB +\\d+\\.\\d MiB");
  const large = await chapter("large block");
  shows(large, "big = malloc\\(64 MiB\\) +64\\.0 MiB +64\\.0 MiB");
  shows(large, "big = realloc\\(big, 96 MiB\\) +96\\.0 MiB +96\\.0 MiB");
  shows(large, "free\\(big\\) +0\\.0 MiB +0\\.0 MiB");
  shows(large.replace(/\s+/g, " "), "Growing took [\\d,]+ microseconds");
});

test("wrong frees refused: double, interior, wild, forged", async () => {
  const text = await chapter("Wrong frees");
  const refusal = (program: string, code: string) => shows(text, `› ${program} .*\\n +${code}  free: `);
  refusal("free\\(block\\)", "ERR_DOUBLE_FREE    ");
  refusal("free\\(large\\)", "ERR_DOUBLE_FREE    ");
  refusal("free\\(live \\+ 64\\)", "ERR_INVALID_POINTER");
  refusal("free\\(live \\+ 1\\)", "ERR_INVALID_POINTER");
  refusal("free\\(0x123456780\\)", "ERR_INVALID_POINTER");
  refusal("free\\(live \\+ 256\\)", "ERR_INVALID_POINTER");
  refusal('free\\("live"\\)', "ERR_INVALID_POINTER");
  shows(text, "7 wrong frees refused");
});

test("wrong accesses found: through a freed pointer, over the end, and by C", async () => {
  const text = await chapter("Wrong accesses");
  const refusal = (access: string, code: string, message: string) =>
    shows(text, `› ${access} +line \\d+\\n +${code} +${message}`);
  const allocated = (name: string) =>
    shows(text, `\\n +allocated by malloc\\n +at ${name} \\(wrong-accesses\\.mjs:\\d+:\\d+\\)\\n`);
  refusal("read\\.u32\\(record\\)", "ERR_USE_AFTER_FREE", "read\\.u32: 4 bytes at ADDRESS");
  refusal("write\\.f64\\(point, 1\\.5, 16\\)", "ERR_OUT_OF_BOUNDS", "write\\.f64: 8 bytes at ADDRESS");
  refusal("memset\\(text, 0, 48\\)", "ERR_HEAP_CORRUPT", "the block of 40 bytes at ADDRESS was overrun");
  for (const name of ["readFreed", "writePastTheEnd", "overrunInC"]) allocated(name);
  shows(text, "\\n +freed by free\\n +at readFreed \\(wrong-accesses\\.mjs:\\d+:\\d+\\)\\n");
});

test("a leak by its line, a profile beside the truth, and the sums of the map", async () => {
  const text = await chapter("Who allocates what");
  shows(text, "heapwright: 100 blocks, 6400 bytes, of 1 stack\\n");
  const [, number] = /at answer \(leaky\.mjs:(\d+):\d+\)\n/.exec(text) ?? [];
  shows(text, `\\n +${number} +const record = malloc\\(64\\);\\n`);
  const row = (...figures: string[]) => shows(text, `\\n +${figures.join(" +")}\\n`);
  const [estimate, off] = ["[\\d,]+", "\\d+\\.\\d %"];
  row("readLines", "8,620,000", estimate, off, "0", "0");
  row("makeIndex", "4,000,000", estimate, off, "4,000,000", estimate);
  row("makeBuffers", "4,800,000", estimate, off, "2,400,000", estimate);
  shows(text, "heapMap\\(file\\) +a page of \\d\\d,\\d+ bytes\\n");
  row("live", "6,4[\\d,]+", "in use");
  row("sum", "[67],[\\d,]+");
});

test("steps told by tracing", async () => {
  const text = await chapter("can be followed");
  const steps = ["malloc", "free", "coalesce forward", "split", "realloc", "coalesce backward"];
  for (const step of [...steps, "mmap", "mremap", "munmap"])
    shows(text, `\\n +${step} +ADDRESS +[\\d,]+ bytes`);
});

test("four recorded programs: progress, and a table", async () => {
  const text = await chapter("recorded programs");
  assert.is(traceNames.length, 4);
  for (const name of traceNames) {
    shows(text, `\\n +${name} +\\d+ % `);
    shows(text, `\\n +${name} +verified +[\\d,]+ calls, [\\d,]+ blocks, [\\d.]+ MiB compared\\n`);
    const nanoseconds = " +\\d+\\.\\d ns";
    const row = `\\n +${name} +[\\d,]+${nanoseconds}${nanoseconds} +\\d+\\.\\d\\d ×`;
    shows(text, `${row} +[\\d.]+ MiB +[\\d.]+ MiB +\\d+\\.\\d %\\n`);
  }
});

test("a pointer in several threads: freed elsewhere, on its way, and used again by its owner", async () => {
  const text = await chapter("in every thread");
  const heaps = [...text.matchAll(/its heap begins at (0x[0-9a-f]+)/g)].map(([, heap]) => heap);
  assert.is(heaps.length, 4);
  assert.is(new Set(heaps).size, 4);
  const [taken, underway, back] = pictures(text);
  for (const [index, name] of ["A", "B", "C", "D", "E", "F"].entries())
    assert.match(taken!.boxes[index]!, new RegExp(`█ ${name} █`));
  assert.is(underway!.boxes.filter((box) => /^░+$/.test(box)).length, 4);
  assert.equal(underway!.sizes, taken!.sizes);
  assert.equal(back!.sizes, taken!.sizes);
  assert.is(back!.boxes.filter((box) => box.includes("█ G █")).length, 1);
  assert.is(back!.boxes.filter((box) => /^▒+$/.test(box)).length, 3);
  shows(text, "worker 3 +100,000 records written, 25\\.0 MiB\\n");
  shows(text, "worker 1 +50,000 verified and freed\\n");
  shows(text, "worker 2 +50,000 verified and freed\\n");
  shows(text, "remoteFrees +100,000 more\\n");
});

test("a worker that dies: its heap goes to the next that starts, and to the main thread", async () => {
  const text = await chapter("A worker dies");
  shows(text, "worker\\.terminate\\(\\) +after step [\\d,]+, somewhere in the next\\n");
  shows(text, "threads +2 before, 1 now\\n");
  const [, before, after] = /orphans +(\d+) before, (\d+) now/.exec(text) ?? [];
  assert.is(Number(after), Number(before) + 1);
  const [given, taken, used, adopted] = pictures(text);
  const names = (boxes: readonly string[]) => boxes.join("").match(/[A-Z]/g) ?? [];
  assert.equal(names(given!.boxes), ["A", "B", "C"]);
  assert.equal(names(taken!.boxes), ["A", "B", "C"]);
  assert.equal(names(used!.boxes).sort(), ["A", "B", "C", "D", "E"]);
  assert.ok(taken!.boxes.length > given!.boxes.length, "what the worker left is seen");
  assert.equal(adopted!.boxes, used!.boxes);
  shows(text, "malloc\\(120000\\) +ADDRESS, in the dead worker's heap\\n");
  shows(text, "[1-9]\\d* blocks? of the dead worker, freed\\n");
});

test("figures of one to four workers", async () => {
  const text = await chapter("One worker, two");
  const row = "\\d+\\.\\d +\\d+\\.\\d";
  shows(text, `\\n +1 +${row} +480,000 +0 +\\d+\\.\\d MiB\\n`);
  for (const workers of [2, 3, 4])
    shows(text, `\\n +${workers} +${row} +[\\d,]+ +[1-9][\\d,]+ +\\d+\\.\\d MiB\\n`);
  shows(text, "measured on\\s+\\d+ cores?;");
  shows(text, "In all 4,800,000 blocks were verified and freed");
});

test.run();
