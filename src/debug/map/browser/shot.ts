/**
 * In the browser: a snapshot with its blocks decoded, on one axis. See ../../browser/texts.ts for how these functions come there.
 *
 * The axis has all regions one after the other, in the order of memory and to scale, without what lies between them.
 */
import type { HeapSnapshot } from "../saved.js";

/** Runs of blocks of one size and kind, in the order of memory; they fill the axis. */
export interface Shot {
  readonly saved: HeapSnapshot;
  /** Where each region begins on the axis; one more at the end. */
  readonly regionAt: number[];
  readonly at: number[];
  readonly size: number[];
  readonly count: number[];
  /** One of kindCodes(). */
  readonly kind: number[];
  readonly region: number[];
  /** Of a purged block the bytes given back; of a cell its place in `cells`. */
  readonly extra: number[];
  /** For each cell: blocks, then bytes of each state. */
  readonly cells: number[];
  readonly known: { readonly pointer: number[]; readonly stack: number[]; readonly age: number[] };
}

export interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

/** What may lie on the axis: the states of blocks, in the order of the file, and what is between and above blocks. */
export function kindCodes() {
  return {
    live: 0,
    cached: 1,
    remote: 2,
    free: 3,
    purged: 4,
    fence: 5,
    unknown: 6,
    bookkeeping: 7,
    wilderness: 8,
    untouched: 9,
    slack: 10,
    cell: 11,
  };
}

export function readerOf(base64: string): Reader {
  return { bytes: Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)), at: 0 };
}

export function readNumber(from: Reader): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = from.bytes[from.at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

export function decodeShot(saved: HeapSnapshot): Shot {
  const runs = { at: [], size: [], count: [], kind: [], region: [], extra: [] };
  const shot: Shot = { saved, regionAt: [], ...runs, cells: [], known: decodeKnown(saved.known) };
  let total = 0;
  saved.regions.forEach((region, index) => {
    const { address, first, top, touched, end } = region;
    const isSegment = region.kind === "segment";
    const codes = kindCodes();
    shot.regionAt.push(total);
    const add = (kind: number, from: number, to: number) => {
      if (to > from) addRun(shot, index, total + from - address, to - from, 1, kind, 0);
    };
    add(codes.bookkeeping, address, first);
    if (!isSegment) add(codes.live, first, top);
    else if (saved.cellBytes > 0) decodeCells(shot, index, total + first - address, top - first);
    else decodeBlocks(shot, index, total + first - address);
    add(isSegment ? codes.wilderness : codes.slack, top, touched);
    add(codes.untouched, touched, end);
    total += end - address;
  });
  shot.regionAt.push(total);
  return shot;
}

export function addRun(
  shot: Shot,
  region: number,
  at: number,
  size: number,
  count: number,
  kind: number,
  extra: number,
): void {
  shot.at.push(at);
  shot.size.push(size);
  shot.count.push(count);
  shot.kind.push(kind);
  shot.region.push(region);
  shot.extra.push(extra);
}

export function decodeBlocks(shot: Shot, region: number, start: number): void {
  const { blocks, first, top } = shot.saved.regions[region]!;
  const from = readerOf(blocks);
  let at = start;
  while (from.at < from.bytes.length) {
    const code = readNumber(from);
    const kind = Math.floor((code % 16) / 2);
    const size = Math.min(Math.floor(code / 16) * 16, start + top - first - at);
    const count = code % 2 === 1 ? readNumber(from) : 1;
    const given = kind === kindCodes().purged ? readNumber(from) * shot.saved.pageSize : 0;
    addRun(shot, region, at, size, count, kind, given);
    at += size * count;
  }
}

export function decodeCells(shot: Shot, region: number, start: number, bytes: number): void {
  const from = readerOf(shot.saved.regions[region]!.blocks);
  const { cellBytes } = shot.saved;
  for (let done = 0; done < bytes; done += cellBytes) {
    const size = Math.min(cellBytes, bytes - done);
    addRun(shot, region, start + done, size, 1, kindCodes().cell, shot.cells.length);
    shot.cells.push(readNumber(from));
    for (let state = 0; state < 7; state++) shot.cells.push(readNumber(from) * 16);
  }
}

export function decodeKnown(base64: string): Shot["known"] {
  const known: Shot["known"] = { pointer: [], stack: [], age: [] };
  const from = readerOf(base64);
  let pointer = 0;
  while (from.at < from.bytes.length) {
    pointer += readNumber(from) * 16;
    known.pointer.push(pointer);
    known.stack.push(readNumber(from) - 1);
    known.age.push(readNumber(from) - 1);
  }
  return known;
}

/** The last place of an ascending list whose value is not above `value`; 0 if there is none. */
export function lastUpTo(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function totalOf(shot: Shot): number {
  return shot.regionAt[shot.regionAt.length - 1]!;
}

export function addressAt(shot: Shot, place: number): number {
  const region = Math.min(lastUpTo(shot.regionAt, place), shot.saved.regions.length - 1);
  return shot.saved.regions[region]!.address + place - shot.regionAt[region]!;
}

/** Where an address lies on the axis; -1 if it is in no region. */
export function placeOf(shot: Shot, address: number): number {
  const index = shot.saved.regions.findIndex((region) => region.address <= address && address < region.end);
  return index < 0 ? -1 : shot.regionAt[index]! + address - shot.saved.regions[index]!.address;
}
