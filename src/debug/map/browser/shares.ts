/**
 * In the browser: how much of what lies behind each column of a row. See ../../browser/texts.ts for how these functions come there.
 */
import type { Painting } from "./colours.js";
import { kindCodes, lastUpTo, type Shot } from "./shot.js";

/** Shares of a row of columns, by class: `of[column * classes + class]`. */
export interface Shares {
  readonly columns: number;
  readonly classes: number;
  readonly of: Float32Array;
}

export function newShares(columns: number, classes: number): Shares {
  return { columns, classes, of: new Float32Array(columns * classes) };
}

/** Fills `shares` for the columns of `bytes` each that begin at `from` on the axis. */
export function addShares(shares: Shares, shot: Shot, painting: Painting, from: number, bytes: number): void {
  const codes = kindCodes();
  shares.of.fill(0);
  const to = from + bytes * shares.columns;
  for (let run = lastUpTo(shot.at, from); run < shot.at.length && shot.at[run]! < to; run++) {
    const kind = shot.kind[run]!;
    const start = (shot.at[run]! - from) / bytes;
    const end = start + (shot.size[run]! * shot.count[run]!) / bytes;
    if (kind === codes.cell) {
      for (let state = 0; state < 7; state++) {
        const share = shot.cells[shot.extra[run]! + 1 + state]! / shot.size[run]!;
        if (share > 0) spread(shares, painting.classOf(shot, run, state), share, start, end);
      }
    } else if (kind === codes.purged) {
      const inner = shot.extra[run]! / bytes / 2;
      const middle = (start + end) / 2;
      const free = painting.classOf(shot, run, codes.free);
      spread(shares, free, 1, start, middle - inner);
      spread(shares, painting.classOf(shot, run, kind), 1, middle - inner, middle + inner);
      spread(shares, free, 1, middle + inner, end);
    } else spread(shares, painting.classOf(shot, run, kind), 1, start, end);
  }
}

export function spread(shares: Shares, index: number, share: number, start: number, end: number): void {
  const { columns, classes, of } = shares;
  const from = Math.max(0, start);
  const to = Math.min(columns, end);
  for (let column = Math.floor(from); column < to; column++) {
    of[column * classes + index]! += share * (Math.min(to, column + 1) - Math.max(from, column));
  }
}
