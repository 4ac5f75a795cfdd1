/**
 * In the browser: puts the page together, and hears mouse and keys. See ../../browser/texts.ts for how these functions come there.
 */
import { byId, bytesText, element } from "../../browser/texts.js";
import type { HeapSnapshot } from "../saved.js";
import { isDark, kindLooks, type Mode, paintingFor, sizeColour } from "./colours.js";
import { factList, factsOf, hitAt, placeOfText } from "./details.js";
import { swatch } from "./names.js";
import { showCards, showFootprint, showHeaps, showSizes } from "./panels.js";
import { showRegions } from "./regions.js";
import { addressAt, decodeShot, placeOf, type Shot, totalOf } from "./shot.js";
import { drawStrip, lookByStrip, paintStrip } from "./strip.js";
import { drawTimeline } from "./timeline.js";
import { drawMap, look, measures, newView, pointAt, show, type View, zoom } from "./view.js";

/** What the page is at any moment. */
export interface Page {
  readonly snapshots: readonly HeapSnapshot[];
  readonly shots: (Shot | undefined)[];
  readonly view: View;
  index: number;
  strip: ImageData | null;
  /** Whether a drawing is asked for already. */
  isDue: boolean;
}

export function start(): void {
  const snapshots = JSON.parse(byId("data").textContent!) as HeapSnapshot[];
  const last = snapshots.length - 1;
  const shots: (Shot | undefined)[] = snapshots.map(() => undefined);
  shots[last] = decodeShot(snapshots[last]!);
  const page: Page = { snapshots, shots, view: newView(shots[last]), index: last, strip: null, isDue: false };
  byId("timeline").hidden = snapshots.length < 2;
  hearTimeline(page);
  hearControls(page);
  hearMap(page);
  hearStrip(page);
  new ResizeObserver(() => repaint(page)).observe(byId("map"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showSnapshot(page, page.index));
  showSnapshot(page, last);
}

export function showSnapshot(page: Page, index: number): void {
  const { view, snapshots } = page;
  const saved = snapshots[index]!;
  const before = addressAt(view.shot, view.from);
  const wasWhole = view.perRow * measures().rows >= totalOf(view.shot);
  page.index = index;
  page.shots[index] ??= decodeShot(saved);
  view.shot = page.shots[index]!;
  view.selected = null;
  if (wasWhole) look(view, 0, Number.POSITIVE_INFINITY);
  else look(view, Math.max(0, placeOf(view.shot, before)), view.perRow);
  const when = new Date(saved.time).toLocaleString();
  byId("when").textContent = `${saved.label}, ${when}; process ${saved.pid}, Node ${saved.node}`;
  byId("snapshot-name").textContent = `${index + 1} of ${snapshots.length}: ${saved.label}`;
  (byId("snapshot") as HTMLInputElement).value = String(index);
  byId("summed").hidden = saved.cellBytes === 0;
  byId("summed").textContent = `Too many blocks to show each: cells of ${bytesText(saved.cellBytes)}.`;
  drawTimeline(snapshots, index);
  showCards(saved);
  showFootprint(saved);
  showSizes(saved, (byId("sizes-by") as HTMLSelectElement).value as "Blocks" | "Bytes");
  const go = (region: number) => goTo(page, region);
  showHeaps(saved, go);
  showRegions(view.shot, go);
  select(page, -1);
  repaint(page);
}

export function goTo(page: Page, region: number): void {
  const { view } = page;
  const from = view.shot.regionAt[region]!;
  show(view, from, view.shot.regionAt[region + 1]! - from);
  redraw(page);
}

/** What the colours mean. */
export function showLegend(mode: Mode): void {
  const shown = kindLooks().filter(([name]) => name !== "fence" && name !== "not readable");
  const items = shown.map(([name, what, light, dark]) => {
    const item = element("span", "", swatch(isDark() ? dark : light, name === "given back"), name);
    item.title = what;
    return item;
  });
  const scale = [5, 8, 11, 14, 17, 20].map((log2) => {
    return element("span", "", swatch(sizeColour(log2), false), bytesText(2 ** log2));
  });
  if (mode === "size") items.splice(0, 1, element("span", "", "live, of"), ...scale);
  if (mode === "owner")
    items.splice(0, 1, element("span", "", "live: the colour of its heap, in the list of heaps"));
  byId("legend").replaceChildren(...items);
}

/** Paints all anew, after another snapshot, colouring or size. */
export function repaint(page: Page): void {
  page.view.painting = paintingFor(page.view.mode);
  showLegend(page.view.mode);
  page.strip = null;
  redraw(page);
}

export function redraw(page: Page): void {
  if (page.isDue) return;
  page.isDue = true;
  requestAnimationFrame(() => {
    page.isDue = false;
    page.strip ??= paintStrip(page.view);
    drawStrip(page.view, page.strip);
    drawMap(page.view);
  });
}

/** Shows what lies at a place of the axis; -1 for nothing. */
export function select(page: Page, place: number): void {
  const { view } = page;
  view.selected = place < 0 ? null : hitAt(view.shot, place);
  const facts =
    view.selected === null
      ? element("p", "note", "Click on the map, or enter an address.")
      : factList(factsOf(view.shot, view.selected));
  byId("details").replaceChildren(facts);
  redraw(page);
}

export function hearControls(page: Page): void {
  const { view } = page;
  const middle = measures().rows / 2;
  const zoomBy = (factor: number) => {
    zoom(view, factor, view.from + middle * view.perRow, middle);
    redraw(page);
  };
  byId("closer").addEventListener("click", () => zoomBy(0.5));
  byId("farther").addEventListener("click", () => zoomBy(2));
  byId("whole").addEventListener("click", () => {
    look(view, 0, Number.POSITIVE_INFINITY);
    redraw(page);
  });
  byId("mode").addEventListener("change", (event) => {
    view.mode = (event.target as HTMLSelectElement).value as Mode;
    repaint(page);
  });
  byId("sizes-by").addEventListener("change", (event) => {
    const by = (event.target as HTMLSelectElement).value as "Blocks" | "Bytes";
    showSizes(page.snapshots[page.index]!, by);
  });
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    find(page, (byId("address") as HTMLInputElement).value);
  });
}

/** Shows the block at an address, large enough to be seen. */
export function find(page: Page, text: string): void {
  const { view } = page;
  const place = placeOfText(view.shot, text);
  byId("address").classList.toggle("wrong", place < 0);
  if (place < 0) return;
  const hit = hitAt(view.shot, place);
  show(view, hit.place, Math.max(hit.size * 8, 16_384));
  look(view, hit.place - view.perRow * (measures().rows / 2), view.perRow);
  select(page, place);
}

export function hearTimeline(page: Page): void {
  const slider = byId("snapshot") as HTMLInputElement;
  slider.max = String(page.snapshots.length - 1);
  slider.addEventListener("input", () => showSnapshot(page, Number(slider.value)));
}

export function hearStrip(page: Page): void {
  const strip = byId("strip");
  const go = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    lookByStrip(page.view, event.offsetX / strip.clientWidth);
    redraw(page);
  };
  strip.addEventListener("pointerdown", go);
  strip.addEventListener("pointermove", go);
}

export function hearMap(page: Page): void {
  const { view } = page;
  const map = byId("map");
  hearDragging(page, map);
  map.addEventListener("wheel", (event) => turn(page, event), { passive: false });
  map.addEventListener("dblclick", (event) => {
    const { place, row } = pointAt(view, event.offsetX, event.offsetY);
    if (place >= 0) zoom(view, 0.25, place, row);
    redraw(page);
  });
  map.addEventListener("pointermove", (event) => hover(page, event));
  map.addEventListener("pointerleave", () => {
    byId("hint").hidden = true;
  });
  map.addEventListener("keydown", (event) => moveByKey(page, event));
}

/** The wheel zooms where the mouse is; with the shift key it moves. */
export function turn(page: Page, event: WheelEvent): void {
  const { view } = page;
  event.preventDefault();
  const { place, row } = pointAt(view, event.offsetX, event.offsetY);
  if (event.shiftKey)
    look(view, view.from + Math.sign(event.deltaY || event.deltaX) * view.perRow, view.perRow);
  else if (place >= 0) zoom(view, 1.0018 ** event.deltaY, place, row);
  redraw(page);
}

/** What is pressed and not moved is a click. */
export function hearDragging(page: Page, map: HTMLElement): void {
  const { view } = page;
  let from: { x: number; y: number; start: number; moved: boolean } | null = null;
  map.addEventListener("pointerdown", (event) => {
    from = { x: event.offsetX, y: event.offsetY, start: view.from, moved: false };
    map.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.offsetX - from.x) + Math.abs(event.offsetY - from.y) < 4) return;
    from.moved = true;
    const { height, stripe, gap, gutter } = measures();
    const rows = (from.y - event.offsetY) / (height + stripe + gap);
    const across = (from.x - event.offsetX) / (map.clientWidth - gutter);
    look(view, from.start + (Math.round(rows) + across) * view.perRow, view.perRow);
    redraw(page);
  });
  map.addEventListener("pointerup", (event) => {
    if (from !== null && !from.moved) select(page, pointAt(view, event.offsetX, event.offsetY).place);
    from = null;
  });
}

export function moveByKey(page: Page, event: KeyboardEvent): void {
  const { view } = page;
  const { rows } = measures();
  const steps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, PageUp: -rows, PageDown: rows };
  const step = steps[event.key];
  if (step !== undefined) look(view, view.from + step * view.perRow, view.perRow);
  else if (event.key === "+") zoom(view, 0.5, view.from + (rows / 2) * view.perRow, rows / 2);
  else if (event.key === "-") zoom(view, 2, view.from + (rows / 2) * view.perRow, rows / 2);
  else if (event.key === "0") look(view, 0, Number.POSITIVE_INFINITY);
  else return;
  event.preventDefault();
  redraw(page);
}

/** A note beside the mouse: what lies there. */
export function hover(page: Page, event: PointerEvent): void {
  const hint = byId("hint");
  const { place } = pointAt(page.view, event.offsetX, event.offsetY);
  hint.hidden = place < 0;
  if (place < 0) return;
  const { shot } = page.view;
  const facts = factsOf(shot, hitAt(shot, place)).slice(0, 4);
  hint.replaceChildren(factList(facts.filter(([name]) => name !== "in")));
  const isRight = event.clientX > innerWidth / 2;
  hint.style.left = isRight ? "" : `${event.pageX + 14}px`;
  hint.style.right = isRight ? `${document.body.clientWidth - event.pageX + 14}px` : "";
  hint.style.top = `${event.pageY + 16}px`;
}
