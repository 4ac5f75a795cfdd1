/**
 * In the browser: the strip with the whole axis, and where the map looks. See ../../browser/texts.ts for how these functions come there.
 */
import { byId } from "../../browser/texts.js";
import { newPixels, paintRow, paintStripe } from "./paint.js";
import { newShares } from "./shares.js";
import { totalOf } from "./shot.js";
import { look, measures, sharp, type View } from "./view.js";

export function stripHeight(): number {
  return 36;
}

/** Paints the whole axis: what is kept and drawn again whenever the map moves. */
export function paintStrip(view: View): ImageData {
  const canvas = byId("strip") as HTMLCanvasElement;
  const scale = devicePixelRatio;
  const columns = Math.max(1, Math.round(canvas.clientWidth * scale));
  const pixels = newPixels(columns, Math.round(stripHeight() * scale));
  const stripe = Math.round(3 * scale);
  const height = pixels.image.height - stripe - 1;
  const row = { top: 0, height, from: 0, bytes: totalOf(view.shot) / columns };
  paintRow(pixels, row, view.shot, view.painting, newShares(columns, view.painting.colours.length));
  paintStripe(pixels, height + 1, stripe, row, view.shot, columns);
  return pixels.image;
}

export function drawStrip(view: View, image: ImageData): void {
  const context = sharp(byId("strip") as HTMLCanvasElement, stripHeight());
  context.putImageData(image, 0, 0);
  const total = totalOf(view.shot);
  const scale = devicePixelRatio;
  const from = (view.from / total) * image.width;
  const width = Math.max(3 * scale, (view.perRow * measures().rows * image.width) / total);
  if (width >= image.width) return;
  context.globalAlpha = 0.6;
  context.fillStyle = getComputedStyle(document.body).getPropertyValue("--panel");
  context.fillRect(0, 0, from, image.height);
  context.fillRect(from + width, 0, image.width, image.height);
  context.globalAlpha = 1;
  context.strokeStyle = getComputedStyle(document.body).getPropertyValue("--text");
  context.lineWidth = 2 * scale;
  context.strokeRect(from, scale, width, image.height - 2 * scale);
}

/** Has the map look at what is at a share of the strip's width. */
export function lookByStrip(view: View, share: number): void {
  look(view, share * totalOf(view.shot) - (view.perRow * measures().rows) / 2, view.perRow);
}
