/**
 * In the browser: what is drawn in which colour. See ../../browser/texts.ts for how these functions come there.
 *
 * A class is what is drawn in one colour: a kind, or the heap, or the size of a live block.
 */
import { kindCodes, type Shot } from "./shot.js";

export type Mode = "state" | "owner" | "size";

/** Red, green, blue, and whether it is hatched. */
export type Colour = readonly [number, number, number, boolean];

/** The kinds, in the order of their codes: how they are called, what they are, their colours in light and in dark. */
export function kindLooks(): readonly (readonly [string, string, string, string])[] {
  return [
    ["live", "in use", "#2f7fc1", "#4c9fe0"],
    ["cached", "freed, kept for the next request of its size", "#f0a83a", "#d9942b"],
    ["on its way back", "freed by another thread, not taken back yet", "#c9559b", "#d267a8"],
    ["free", "coalesced, for whatever fits", "#a5d3b4", "#4b7f63"],
    ["given back", "inside a free block, given back to the kernel", "#a5d3b4", "#4b7f63"],
    ["fence", "ends a full segment", "#5d6572", "#8b94a3"],
    ["not readable", "a running thread changed it meanwhile", "#d64545", "#e05a5a"],
    ["bookkeeping", "the record of a heap", "#5d6572", "#8b94a3"],
    ["wilderness", "touched once, above the last block", "#d9dee6", "#3c4656"],
    ["untouched", "address space without memory", "#f1f3f6", "#222a35"],
    ["slack", "at the end of a mapping, for its block to grow", "#8f7fc9", "#9a8bd6"],
  ];
}

/** Colours that heaps take in turn. */
export function ownerColours(): readonly string[] {
  return [
    "#2f7fc1",
    "#e07b39",
    "#3a9d5d",
    "#c9559b",
    "#8a6bc1",
    "#b59b00",
    "#1fa3a3",
    "#c44e52",
    "#6b7f2a",
    "#7a8794",
  ];
}

export function isDark(): boolean {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

export function colourOf(hex: string, hatched: boolean): Colour {
  const part = (from: number) => Number.parseInt(hex.slice(from, from + 2), 16);
  return [part(1), part(3), part(5), hatched];
}

/** Blue for small, by way of green and yellow to red for large. */
export function sizeColour(log2: number): string {
  const share = Math.min(1, Math.max(0, (log2 - 5) / 15));
  const stops = ["#30527d", "#2f7fc1", "#35a79c", "#8ac04a", "#f0b93a", "#e07b39", "#c23b4b"];
  return stops[Math.round(share * (stops.length - 1))]!;
}

export interface Painting {
  readonly colours: readonly Colour[];
  /** The class of a run, or of what of a cell is of `kind`. */
  classOf(shot: Shot, run: number, kind: number): number;
}

/** Kinds come first among the classes of each mode; those of live blocks behind them. */
export function paintingFor(mode: Mode): Painting {
  const { live, purged, cell } = kindCodes();
  const looks = kindLooks();
  const colours = looks.map((look, kind) => colourOf(look[isDark() ? 3 : 2], kind === purged));
  const kinds = colours.length;
  if (mode === "state") return { colours, classOf: (_shot, _run, kind) => kind };
  const others = ownerColours();
  if (mode === "owner") {
    colours.push(...others.map((hex) => colourOf(hex, false)));
    const owner = (shot: Shot, run: number) => {
      const { heap } = shot.saved.regions[shot.region[run]!]!;
      return kinds + (heap < 0 ? others.length - 1 : heap % (others.length - 1));
    };
    return { colours, classOf: (shot, run, kind) => (kind === live ? owner(shot, run) : kind) };
  }
  for (let log2 = 0; log2 < 42; log2++) colours.push(colourOf(sizeColour(log2), false));
  const size = (shot: Shot, run: number) =>
    shot.kind[run] === cell ? live : kinds + Math.ceil(Math.log2(shot.size[run]! - 8));
  return { colours, classOf: (shot, run, kind) => (kind === live ? size(shot, run) : kind) };
}

/** The colour of the stripe below a run: its heap's. */
export function stripeOf(shot: Shot, region: number): Colour {
  const colours = ownerColours();
  const { heap } = shot.saved.regions[region]!;
  return colourOf(colours[heap < 0 ? colours.length - 1 : heap % (colours.length - 1)]!, false);
}
