/**
 * The profile: estimates of what each line allocated and what of it lives, against the truth.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ProfileData, profile } from "../../src/debug/index.js";
import { free, Heap, HeapError, malloc, type Pointer, realloc, stats } from "../../src/index.js";

type Figure = "allocatedBytes" | "allocatedCount" | "liveBytes" | "liveCount";

function sum({ samples }: ProfileData, figure: Figure, name = ""): number {
  const matching = samples.filter(({ stack }) => stack.some((frame) => frame.function.includes(name)));
  return matching.reduce((total, sample) => total + sample[figure], 0);
}

/** Within six standard deviations of the truth. */
function isNear(estimate: number, blocks: number, bytes: number, every: number): void {
  const p = 1 - Math.exp(-bytes / every);
  const error = (6 * Math.sqrt((blocks * (1 - p)) / p)) / blocks;
  assert.ok(
    Math.abs(estimate / blocks - 1) <= error,
    `${estimate} for ${blocks}, at most ${error * 100} % off`,
  );
}

function churn(blocks: number, bytes: number): void {
  for (let i = 0; i < blocks; i++) free(malloc(bytes));
}

function keep(blocks: number, bytes: number): Pointer[] {
  return Array.from({ length: blocks }, () => malloc(bytes));
}

test("with every block sampled, sums are exact, by line, allocated and live", () => {
  profile.start({ every: 1 });
  churn(100, 200);
  const kept = keep(50, 3000);
  const made = profile.stop();
  assert.is(Math.round(sum(made, "allocatedBytes", "churn")), 20_000);
  assert.is(Math.round(sum(made, "liveBytes", "churn")), 0);
  assert.is(Math.round(sum(made, "liveBytes", "keep")), 150_000);
  assert.is(Math.round(sum(made, "liveCount", "keep")), 50);
  const [first] = made.samples;
  assert.is(first!.stack[0]!.function, "malloc");
  assert.match(first!.stack[1]!.file, /profile\.test\.[jt]s$/);
  assert.ok(made.durationMs > 0 && Math.abs(made.startTime - Date.now()) < 60_000);
  for (const block of kept) free(block);
});

test("estimates are within their statistical error, of small and of large blocks", () => {
  const every = 16 * 1024;
  profile.start({ every });
  churn(100_000, 256);
  const small = keep(20_000, 512);
  churn(500, 300_000);
  const made = profile.stop();
  isNear(sum(made, "liveCount"), 20_000, 512, every);
  isNear(sum(made, "liveBytes") / 512, 20_000, 512, every);
  const churned = sum(made, "allocatedBytes", "churn");
  const truth = 100_000 * 256 + 500 * 300_000;
  assert.ok(Math.abs(churned / truth - 1) < 0.2, `${churned} for ${truth}`);
  for (const block of small) free(block);
});

test("pairs of one size are estimated without bias, though each gets the block of the last one", () => {
  const every = 4096;
  const [blocks, bytes] = [400_000, 1000];
  profile.start({ every });
  churn(blocks, bytes);
  const made = profile.stop();
  isNear(sum(made, "allocatedCount", "churn"), blocks, bytes, every);
});

test("a block that grows where it is counts again", () => {
  profile.start({ every: 16 * 1024 });
  for (let i = 0; i < 20_000; i++) free(realloc(malloc(2000), 2600));
  const truth = 20_000 * 4600;
  const found = sum(profile.stop(), "allocatedBytes");
  assert.ok(Math.abs(found / truth - 1) < 0.1, `${found} for ${truth}`);
});

test("a snapshot is of now, and the profile goes on", () => {
  profile.start({ every: 1 });
  const block = malloc(10_000);
  assert.is(Math.round(sum(profile.snapshot(), "liveBytes")), 10_000);
  assert.ok(profile.isOn);
  free(block);
  assert.is(Math.round(sum(profile.snapshot(), "liveBytes")), 0);
  assert.is(Math.round(sum(profile.stop(), "allocatedBytes")), 10_000);
});

test("a block that is resized counts with its last size, and one whose Heap is destroyed as freed", () => {
  profile.start({ every: 1 });
  const block = realloc(realloc(malloc(1000), 5000), 400_000);
  assert.is(Math.round(sum(profile.snapshot(), "liveBytes")), 400_000);
  assert.is(Math.round(sum(profile.snapshot(), "allocatedBytes")), 406_000);
  free(block);
  const heap = new Heap();
  heap.malloc(70_000);
  assert.is(Math.round(sum(profile.snapshot(), "liveBytes")), 70_000);
  heap.destroy();
  assert.is(Math.round(sum(profile.stop(), "liveBytes")), 0);
});

test("what a profile takes of the heap's own memory is nothing", () => {
  const before = stats().allocated;
  profile.start({ every: 1 });
  const block = malloc(100);
  assert.is(stats().allocated - before, 104);
  free(block);
  profile.stop();
  assert.is(stats().allocated, before);
});

test("what stop() returns can be written to a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-profile-"));
  try {
    profile.start({ every: 1 });
    const block = malloc(5000);
    const made = profile.stop();
    free(block);
    const file = join(folder, "live.heapprofile");
    made.write(file);
    const { head } = JSON.parse(readFileSync(file, "utf8")) as { head: Node };
    assert.is(selfSizes(head), 5000);
    assert.throws(() => made.write(join(folder, "live.txt")), /must end in \.heapprofile/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

interface Node {
  readonly selfSize: number;
  readonly children: readonly Node[];
}

function selfSizes({ selfSize, children }: Node): number {
  return children.reduce((sum, child) => sum + selfSizes(child), selfSize);
}

test("wrong options, a second start and a stop without one are refused", () => {
  const refused = (code: string, call: () => unknown, message: RegExp) =>
    assert.throws(call, (error: unknown) => {
      assert.instance(error, HeapError);
      assert.is((error as HeapError).code, code);
      assert.match((error as HeapError).message, message);
      return true;
    });
  for (const every of [0, -1, 1.5, Number.NaN, 2 ** 50, "1", null])
    refused(
      "ERR_INVALID_ARG",
      () => profile.start({ every: every as number }),
      /profile.start: every must be/,
    );
  refused("ERR_INVALID_ARG", () => profile.start({ evry: 1 } as never), /no option "evry"/);
  refused("ERR_INVALID_STATE", () => profile.stop(), /start one first/);
  refused("ERR_INVALID_STATE", () => profile.snapshot(), /start one first/);
  profile.start();
  refused("ERR_INVALID_STATE", () => profile.start(), /under way/);
  profile.stop();
});

test.run();
