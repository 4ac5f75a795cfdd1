/**
 * In the browser: the slider over snapshots, and how footprint and live bytes went. See ../../browser/texts.ts for how these functions come
 * there.
 */
import { byId } from "../../browser/texts.js";
import type { HeapSnapshot } from "../saved.js";

export function svg(tag: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** Draws the course of the figures; the snapshot at `index` is marked. */
export function drawTimeline(snapshots: readonly HeapSnapshot[], index: number): void {
  const chart = byId("course");
  const [width, height] = [1000, 56];
  const held = snapshots.map(({ stats }) => stats.footprint!);
  const live = snapshots.map(({ stats }) => stats.allocated!);
  const most = Math.max(1, ...held);
  const x = (at: number) => (at / Math.max(1, snapshots.length - 1)) * width;
  const y = (bytes: number) => height - 3 - (bytes / most) * (height - 8);
  const area = (values: readonly number[]) =>
    `M0 ${height} ${values.map((value, at) => `L${x(at)} ${y(value)}`).join(" ")} L${width} ${height} Z`;
  chart.replaceChildren(
    svg("path", { d: area(held), class: "held" }),
    svg("path", { d: area(live), class: "live" }),
    svg("line", { x1: x(index), x2: x(index), y1: 0, y2: height, class: "mark" }),
  );
}
