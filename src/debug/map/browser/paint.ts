/**
 * In the browser: paints rows of the axis, pixel by pixel. See ../../browser/texts.ts for how these functions come there.
 *
 * Each column of a row is a bar of what lies in its bytes, live blocks at the bottom. Where single blocks are wide enough, lines
 * stand between them and their headers are darker.
 */
import type { Colour, Painting } from "./colours.js";
import { stripeOf } from "./colours.js";
import { addShares, type Shares } from "./shares.js";
import { kindCodes, lastUpTo, type Shot } from "./shot.js";

/** A picture, and its pixels as words. */
export interface Pixels {
  readonly image: ImageData;
  readonly words: Uint32Array;
}

export function newPixels(width: number, height: number): Pixels {
  const image = new ImageData(width, height);
  return { image, words: new Uint32Array(image.data.buffer) };
}

export function wordOf([red, green, blue]: Colour, shade = 1): number {
  const part = (value: number) => Math.round(value * shade);
  return ((255 << 24) | (part(blue) << 16) | (part(green) << 8) | part(red)) >>> 0;
}

/** From the bottom of a column to its top: live blocks first, address space without memory last. */
export function stackOrder(classes: number): number[] {
  const { live, cached, remote, free, purged, fence, unknown, bookkeeping, wilderness, untouched, slack } =
    kindCodes();
  const kinds = [
    live,
    bookkeeping,
    fence,
    unknown,
    remote,
    cached,
    slack,
    free,
    purged,
    wilderness,
    untouched,
  ];
  return [...Array.from({ length: classes - kinds.length }, (_, index) => kinds.length + index), ...kinds];
}

export interface Row {
  /** Pixels from the top of the picture, and of the row. */
  readonly top: number;
  readonly height: number;
  /** Where it begins on the axis, and bytes per column. */
  readonly from: number;
  readonly bytes: number;
}

export function paintRow(to: Pixels, row: Row, shot: Shot, painting: Painting, shares: Shares): void {
  addShares(shares, shot, painting, row.from, row.bytes);
  const order = stackOrder(shares.classes);
  const words = painting.colours.map((colour) => wordOf(colour));
  const faint = painting.colours.map((colour) => wordOf(colour, 0.82));
  const { width } = to.image;
  for (let column = 0; column < shares.columns; column++) {
    let above = 0;
    for (const index of order) {
      const share = shares.of[column * shares.classes + index]!;
      if (share <= 0) continue;
      const from = Math.round(above * row.height);
      above += share;
      const until = Math.min(row.height, Math.round(above * row.height));
      const hatched = painting.colours[index]![3];
      for (let y = from; y < until; y++) {
        const line = row.top + row.height - 1 - y;
        const isStroke = hatched && (column + line) % 8 < 3;
        to.words[line * width + column] = isStroke ? faint[index]! : words[index]!;
      }
    }
  }
}

/** Lines between blocks that are at least `least` columns wide, and darker headers. */
export function paintEdges(to: Pixels, row: Row, shot: Shot, columns: number, least: number): void {
  const { cell, bookkeeping } = kindCodes();
  const end = row.from + columns * row.bytes;
  for (let run = lastUpTo(shot.at, row.from); run < shot.at.length && shot.at[run]! < end; run++) {
    const size = shot.size[run]!;
    if (shot.kind[run]! >= bookkeeping || shot.kind[run] === cell || size / row.bytes < least) continue;
    const first = Math.max(0, Math.floor((row.from - shot.at[run]!) / size));
    for (let block = first; block < shot.count[run]!; block++) {
      const start = shot.at[run]! + block * size;
      if (start >= end) break;
      shade(to, row, (start - row.from) / row.bytes, (start + 8 - row.from) / row.bytes, columns);
    }
  }
}

/** Darkens the header from column `from` to `to`; one column at least, at its lower end. */
export function shade(pixels: Pixels, row: Row, from: number, to: number, columns: number): void {
  const first = Math.round(from);
  const last = Math.max(first + 1, Math.round(to));
  for (let column = Math.max(0, first); column < Math.min(columns, last); column++) {
    const dark = column === first ? 0.55 : 0.8;
    for (let y = row.top; y < row.top + row.height; y++) {
      const word = pixels.words[y * pixels.image.width + column]!;
      const part = (shift: number) => Math.round(((word >>> shift) & 255) * dark) << shift;
      pixels.words[y * pixels.image.width + column] = ((255 << 24) | part(0) | part(8) | part(16)) >>> 0;
    }
  }
}

/** A line in the colours of the heaps, `height` pixels below `top`. */
export function paintStripe(
  to: Pixels,
  top: number,
  height: number,
  row: Row,
  shot: Shot,
  columns: number,
): void {
  const end = row.from + columns * row.bytes;
  const regions = shot.saved.regions.length;
  for (let region = lastUpTo(shot.regionAt, row.from); region < regions; region++) {
    if (shot.regionAt[region]! >= end) break;
    const word = wordOf(stripeOf(shot, region));
    const first = Math.max(0, Math.round((shot.regionAt[region]! - row.from) / row.bytes));
    const last = Math.min(columns, Math.round((shot.regionAt[region + 1]! - row.from) / row.bytes));
    const gap = first > 0 && last - first > 6 ? 3 : 0; // a new region begins
    for (let y = top; y < top + height; y++)
      to.words.fill(word, y * to.image.width + first + gap, y * to.image.width + last);
  }
}
