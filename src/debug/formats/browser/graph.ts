/**
 * In the browser: the flame graph's boxes, and drawing them. See ../../browser/texts.ts for how these functions come there.
 *
 * The outermost calls are at the top. A box is as wide as what it and the calls below it allocated.
 */
import type { SavedCall } from "../flame-data.js";

/** A call with the sum of itself and what it calls. */
export interface Box {
  readonly call: SavedCall;
  readonly parent: Box | null;
  readonly depth: number;
  /** Itself, and with all below it. */
  readonly self: number;
  readonly total: number;
  readonly children: Box[];
  /** Where it is drawn, in shares of the width; set by layOut(). */
  x: number;
  width: number;
}

/** Boxes of a call and all below it, by the sum at `index` of the calls; the widest child first. */
export function boxOf(call: SavedCall, index: number, parent: Box | null, depth: number): Box {
  const children: Box[] = [];
  const self = call[index] as number;
  const box = { call, parent, depth, self, total: self, children, x: 0, width: 0 };
  for (const inner of call[8]) {
    const child = boxOf(inner, index, box, depth + 1);
    if (child.total <= 0) continue;
    children.push(child);
    box.total += child.total;
  }
  children.sort((one, other) => other.total - one.total);
  return box;
}

/** Places boxes so that `focus` has the whole width; boxes above it have, too. */
export function layOut(root: Box, focus: Box): Box[] {
  const placed: Box[] = [];
  for (let above: Box | null = focus.parent; above !== null; above = above.parent) {
    above.x = 0;
    above.width = 1;
    placed.push(above);
  }
  const place = (box: Box, x: number, width: number) => {
    box.x = x;
    box.width = width;
    placed.push(box);
    let at = x;
    for (const child of box.children) {
      const share = (width * child.total) / box.total;
      if (share > 0.0004) place(child, at, share);
      at += share;
    }
  };
  place(focus, 0, 1);
  return root.total > 0 ? placed : [];
}

export function rowHeight(): number {
  return 21;
}

/** A warm colour that is the same for all calls of one file; grey for what has none. */
export function boxColour([name, file]: SavedCall, isFaint: boolean): string {
  let hash = 7;
  for (const letter of file) hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
  const shade = (name.length * 7) % 9;
  const [hue, saturation] = file === "" ? [215, 12] : [12 + (hash % 48), 78];
  return `hsl(${hue} ${saturation}% ${66 + shade - 4}% / ${isFaint ? 0.28 : 1})`;
}

export function drawBoxes(
  canvas: HTMLCanvasElement,
  boxes: readonly Box[],
  focus: Box,
  matches: (call: SavedCall) => boolean,
): void {
  const scale = devicePixelRatio;
  const height = rowHeight();
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0);
  canvas.style.height = `${(depth + 1) * height}px`;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round((depth + 1) * height * scale);
  const context = canvas.getContext("2d")!;
  context.scale(scale, scale);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const box of boxes) {
    const [x, width] = [box.x * canvas.clientWidth, box.width * canvas.clientWidth];
    const isFaint = box.depth < focus.depth || !matches(box.call);
    context.fillStyle = boxColour(box.call, isFaint);
    context.fillRect(x, box.depth * height, Math.max(0.5, width - 1), height - 1);
    if (width < 30) continue;
    context.fillStyle = isFaint ? "#888" : "#2a1a08";
    context.fillText(fitted(context, nameOf(box.call), width - 10), x + 5, box.depth * height + height / 2);
  }
}

/** As much of a text as `width` pixels have room for. */
export function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  const length = Math.floor((text.length * width) / context.measureText(text).width) - 1;
  return length < 2 ? "" : `${text.slice(0, length)}\u2026`;
}

export function nameOf([name]: SavedCall): string {
  return name === "" ? "(anonymous)" : name;
}

export function placeText([, file, line, column]: SavedCall): string {
  if (file === "") return "";
  return line > 0 ? `${file}:${line}:${column}` : file;
}
