/**
 * In the browser: the map itself, of which a part of the axis is seen. See ../../browser/texts.ts for how these functions come there.
 */
import { byId, bytesText } from "../../browser/texts.js";
import { type Mode, type Painting, paintingFor } from "./colours.js";
import { type Hit, hitAt } from "./details.js";
import { addressText } from "./names.js";
import { newPixels, paintEdges, paintRow, paintStripe, type Row } from "./paint.js";
import { newShares } from "./shares.js";
import { addressAt, kindCodes, type Shot, totalOf } from "./shot.js";

export interface View {
  shot: Shot;
  mode: Mode;
  painting: Painting;
  /** Where the first row begins on the axis, and how many bytes each has. */
  from: number;
  perRow: number;
  selected: Hit | null;
}

/** Measures of the map, in pixels of the page. */
export function measures() {
  return { rows: 32, height: 16, stripe: 2, gap: 4, gutter: 116, leastPerRow: 512 };
}

export function newView(shot: Shot): View {
  const view: View = {
    shot,
    mode: "state",
    painting: paintingFor("state"),
    from: 0,
    perRow: 1,
    selected: null,
  };
  look(view, 0, Number.POSITIVE_INFINITY);
  return view;
}

/** Shows the part of the axis that begins at `from`, as far as there is so much. */
export function look(view: View, from: number, perRow: number): void {
  const { rows, leastPerRow } = measures();
  const total = totalOf(view.shot);
  const most = Math.max(leastPerRow, Math.ceil(total / rows / 16) * 16);
  view.perRow = Math.min(most, Math.max(leastPerRow, Math.round(perRow / 16) * 16));
  const last = Math.max(0, total - view.perRow * rows);
  view.from = Math.floor(Math.min(last, Math.max(0, from)) / 16) * 16;
}

/** Zooms by a factor, so that `place`, which is shown at `row` (with its fraction), stays there. */
export function zoom(view: View, factor: number, place: number, row: number): void {
  const { rows, leastPerRow } = measures();
  const most = Math.max(leastPerRow, totalOf(view.shot) / rows);
  const perRow = Math.min(most, Math.max(leastPerRow, view.perRow * factor));
  look(view, place - row * perRow, perRow);
}

/** Shows what lies from `place` on so large that it fills about the whole map. */
export function show(view: View, place: number, bytes: number): void {
  const { rows } = measures();
  const perRow = bytes / (rows - 2);
  look(view, place - perRow, perRow);
}

/** The row, with its fraction, and the place on the axis of a point of the canvas; -1 beside the rows. */
export function pointAt(view: View, x: number, y: number): { row: number; place: number } {
  const { rows, height, stripe, gap, gutter } = measures();
  const width = byId("map").clientWidth - gutter;
  const row = Math.floor(y / (height + stripe + gap));
  const across = (x - gutter) / width;
  const place = Math.floor(view.from + (row + across) * view.perRow);
  const isInside = across >= 0 && across < 1 && row >= 0 && row < rows && place < totalOf(view.shot);
  return { row: row + across, place: isInside ? place : -1 };
}

/** A canvas, as sharp as the screen; its context draws in pixels of the screen. */
export function sharp(canvas: HTMLCanvasElement, height: number): CanvasRenderingContext2D {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  return canvas.getContext("2d")!;
}

export function drawMap(view: View): void {
  const { rows, height, stripe, gap, gutter } = measures();
  const scale = devicePixelRatio;
  const pitch = height + stripe + gap;
  const context = sharp(byId("map") as HTMLCanvasElement, rows * pitch);
  const left = Math.round(gutter * scale);
  const columns = Math.max(1, context.canvas.width - left);
  const pixels = newPixels(columns, context.canvas.height);
  const shares = newShares(columns, view.painting.colours.length);
  const bytes = view.perRow / columns;
  const total = totalOf(view.shot);
  context.font = `${11 * scale}px ui-monospace, monospace`;
  context.fillStyle = getComputedStyle(document.body).getPropertyValue("--faint");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let index = 0; index < rows && view.from + index * view.perRow < total; index++) {
    const top = Math.round(index * pitch * scale);
    const row: Row = {
      top,
      height: Math.round(height * scale),
      from: view.from + index * view.perRow,
      bytes,
    };
    paintRow(pixels, row, view.shot, view.painting, shares);
    paintEdges(pixels, row, view.shot, columns, 5 * scale);
    paintStripe(pixels, top + row.height + 1, Math.round(stripe * scale), row, view.shot, columns);
    context.fillText(addressText(addressAt(view.shot, row.from)), left - 8 * scale, top + row.height / 2);
  }
  context.putImageData(pixels.image, left, 0);
  if (view.selected !== null) outline(context, view, view.selected, left, columns);
  labelBlocks(context, view, left, columns);
  byId("scale").textContent = `${bytesText(view.perRow)} a row`;
}

/** Calls `draw` with the rectangle of each row that a part of the axis is in, in pixels of the screen. */
export function eachPart(
  view: View,
  { place, size }: { place: number; size: number },
  columns: number,
  draw: (x: number, y: number, width: number, height: number) => void,
): void {
  const { rows, height, stripe, gap } = measures();
  const scale = devicePixelRatio;
  const first = Math.max(0, Math.floor((place - view.from) / view.perRow));
  const last = Math.min(rows - 1, Math.floor((place + size - 1 - view.from) / view.perRow));
  for (let row = first; row <= last; row++) {
    const start = view.from + row * view.perRow;
    const from = Math.max(0, ((place - start) / view.perRow) * columns);
    const to = Math.min(columns, ((place + size - start) / view.perRow) * columns);
    draw(from, Math.round(row * (height + stripe + gap) * scale), Math.max(2, to - from), height * scale);
  }
}

export function outline(
  context: CanvasRenderingContext2D,
  view: View,
  hit: Hit,
  left: number,
  columns: number,
): void {
  context.strokeStyle = getComputedStyle(document.body).getPropertyValue("--text");
  context.lineWidth = 2 * devicePixelRatio;
  context.beginPath();
  eachPart(view, hit, columns, (x, y, width, height) => {
    for (const edge of [y, y + height]) {
      context.moveTo(left + x, edge);
      context.lineTo(left + x + width, edge);
    }
    for (const edge of [x, x + width]) {
      if (edge <= 0 || edge >= columns) continue; // it goes on in another row
      context.moveTo(left + edge, y);
      context.lineTo(left + edge, y + height);
    }
  });
  context.stroke();
}

/** Writes the sizes of blocks into them, where there is room. */
export function labelBlocks(
  context: CanvasRenderingContext2D,
  view: View,
  left: number,
  columns: number,
): void {
  const { rows } = measures();
  const { cell, purged } = kindCodes();
  const room = 52 * devicePixelRatio;
  const end = Math.min(view.from + rows * view.perRow, totalOf(view.shot));
  if ((columns / view.perRow) * 4096 < room) return;
  context.textAlign = "center";
  context.fillStyle = "#fff";
  for (let place = view.from; place < end; ) {
    const hit = hitAt(view.shot, place);
    place = hit.place + hit.size;
    const kind = view.shot.kind[hit.run]!;
    if (kind > purged || kind === cell) continue;
    context.fillStyle = kind === 0 || kind === 2 ? "#fff" : "rgba(0, 0, 0, 0.7)";
    let widest = { x: 0, y: 0, width: 0, height: 0 };
    eachPart(view, hit, columns, (x, y, width, height) => {
      if (width > widest.width) widest = { x, y, width, height };
    });
    if (widest.width < room) continue;
    context.fillText(
      String(hit.size - 8),
      left + widest.x + widest.width / 2,
      widest.y + widest.height / 2 + 1,
    );
  }
}
