/**
 * The picture of the heap: one row of boxes, in the order of memory and to scale, with sizes below.
 *
 *     ┌────────────────┬────────────────────────┬────────────────┬╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 *     │██████ A ███████│          free          │██████ C ███████│   wilderness
 *     └────────────────┴────────────────────────┴────────────────┴╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 *           2,048                3,072                2,048
 *
 * Owns how blocks become boxes. All of it comes from walk() and stats(), which must agree. The scale is given and
 * not fitted, so that from one picture to the next the same address stands in the same column. One heap is drawn at a
 * time; where several threads have one each, the blocks of the others come from a walk() there.
 */
import { check, type Pointer, stats, type WalkedBlock, walk } from "../../src/index.js";
import { count, line, paint, width } from "./page.js";
import { same, verify } from "./proof.js";

const HEADER_BYTES = 8;
const COLUMNS = width - 6;
/** A box is never narrower: its left side and one column of filling. */
const NARROWEST = 2;

interface Box {
  readonly left: number;
  /** Where the next box begins. */
  readonly right: number;
  readonly label: string;
  /** Header included; 0 is not written. */
  readonly bytes: number;
  readonly fill: string;
  readonly edge: string;
  readonly paint: (text: string) => string;
}

const LOOKS = {
  live: { fill: "█", paint: paint.live },
  cached: { fill: "▒", paint: paint.cached },
  free: { fill: " ", paint: paint.plain },
  remote: { fill: "░", paint: paint.remote },
} as const;

/** What the pictures mean. */
export function legend(): void {
  line(`${paint.live("████")}   in use`);
  line(`${paint.cached("▒▒▒▒")}   freed, and kept as it is for the next request of its size (cached)`);
  line("free   freed, and joined with its free neighbours");
  line(`${paint.faint("╌╌╌╌")}   wilderness: memory that the heap has not cut into blocks`);
  line();
  line("Boxes are drawn to scale. Below each: its size in bytes, the 8 bytes of its header included.");
  line();
}

/** Draws the heap so that `bytes` bytes fill the row. `names` are written into the blocks in use. */
export function draw(bytes: number, names: ReadonlyMap<Pointer, string>): void {
  check();
  verifyAccount([...walk()]);
  drawBlocks([...walk()], bytes, names);
}

/** The same of blocks that a walk yielded, in this thread or in another: those of one heap. */
export function drawBlocks(
  walked: readonly WalkedBlock[],
  bytes: number,
  names: ReadonlyMap<Pointer, string>,
): void {
  const blocks = walked.filter(({ state }) => state !== "mapped");
  verifyRow(blocks);
  const boxes = boxesOf(blocks, bytes, names);
  line(row(boxes, "┌", "┬", ({ edge }) => edge));
  line(
    boxes
      .map((box) => `${paint.faint("│")}${inside(box)}`)
      .join("")
      .trimEnd(),
  );
  line(row(boxes, "└", "┴", ({ edge }) => edge));
  const sizes = boxes.map((box) => centred(box.bytes === 0 ? "" : count(box.bytes), span(box), " "));
  if (sizes.some((size) => size.trim() !== "")) line(` ${sizes.join(" ")}`.trimEnd());
}

/** That the blocks lie without gaps. */
function verifyRow(blocks: readonly WalkedBlock[]): void {
  for (const [index, { pointer, size }] of blocks.entries()) {
    const next = blocks[index + 1];
    if (next !== undefined) same("the start of the next block", next.pointer, pointer + size + HEADER_BYTES);
  }
}

/** That stats() counts what the walks of all threads yielded. */
export function verifyAccount(blocks: readonly WalkedBlock[]): void {
  const sums = { live: 0, cached: 0, free: 0, remote: 0, mapped: 0 };
  for (const { size, state } of blocks) sums[state] += size;
  const free = blocks.filter(({ state }) => state === "free").length;
  const { allocated, cached, free: freeBytes, remote } = stats();
  same("the sum of what is in use", sums.live + sums.mapped, allocated);
  same("the sum of what is cached", sums.cached, cached);
  same("the sum of what is on its way back", sums.remote, remote);
  same("the sum of what is free", sums.free + free * HEADER_BYTES, freeBytes);
}

function boxesOf(blocks: readonly WalkedBlock[], bytes: number, names: ReadonlyMap<Pointer, string>): Box[] {
  const boxes: Box[] = [];
  let [left, offset] = [0, 0];
  for (const { pointer, size, state } of blocks) {
    if (state === "mapped") continue;
    offset += size + HEADER_BYTES;
    const right = Math.max(left + NARROWEST, Math.round((offset / bytes) * COLUMNS));
    const label = state === "live" ? (names.get(pointer) ?? "") : state === "free" ? "free" : "";
    boxes.push({ left, right, label, bytes: size + HEADER_BYTES, edge: "─", ...LOOKS[state] });
    left = right;
  }
  verify(left < COLUMNS, "the picture has room for all blocks");
  const wilderness = { bytes: 0, fill: " ", edge: "╌", paint: paint.faint } as const;
  return [...boxes, { left, right: COLUMNS, label: "wilderness", ...wilderness }];
}

function row(boxes: readonly Box[], first: string, other: string, edge: (box: Box) => string): string {
  const parts = boxes.map((box, index) => (index === 0 ? first : other) + edge(box).repeat(span(box)));
  return paint.faint(parts.join(""));
}

function inside(box: Box): string {
  const roomy = box.label !== "" && box.label.length + 2 <= span(box);
  return box.paint(centred(roomy ? ` ${box.label} ` : box.label, span(box), box.fill));
}

function span({ left, right }: Box): number {
  return right - left - 1;
}

function centred(text: string, columns: number, fill: string): string {
  if (text.length > columns) return fill.repeat(columns);
  const before = (columns - text.length) >>> 1;
  return fill.repeat(before) + text + fill.repeat(columns - text.length - before);
}
