/**
 * In the browser: the page of the flame graph. See ../../browser/texts.ts for how these functions come there.
 */
import { byId, bytesText, countText, element, shareText } from "../../browser/texts.js";
import type { FlameData, SavedCall } from "../flame-data.js";
import { type Box, boxOf, drawBoxes, layOut, nameOf, placeText, rowHeight } from "./graph.js";

/** What the page is at any moment. */
export interface Flame {
  readonly data: FlameData;
  root: Box;
  focus: Box;
  boxes: Box[];
}

export function start(): void {
  const data = JSON.parse(byId("data").textContent!) as FlameData;
  const root = boxOf(data.root, 4, null, 0);
  const flame: Flame = { data, root, focus: root, boxes: [] };
  const seconds = (data.durationMs / 1000).toFixed(1);
  const when = new Date(data.startTime).toLocaleString();
  byId("about").textContent =
    `${when}, ${seconds} s, one sample for about ${bytesText(data.every)}; sums are estimates`;
  const what = byId("what") as HTMLSelectElement;
  if (root.total === 0) what.value = "6"; // nothing is live: what was allocated tells more
  what.addEventListener("change", () => showSums(flame));
  byId("search").addEventListener("input", () => draw(flame));
  byId("reset").addEventListener("click", () => zoomTo(flame, flame.root));
  const canvas = byId("flame");
  canvas.addEventListener("mousemove", (event) => tell(flame, boxAt(flame, event) ?? flame.focus));
  canvas.addEventListener("mouseleave", () => tell(flame, flame.focus));
  canvas.addEventListener("click", (event) => zoomTo(flame, boxAt(flame, event) ?? flame.focus));
  canvas.addEventListener("keydown", ({ key }) => key === "Escape" && zoomTo(flame, flame.root));
  new ResizeObserver(() => draw(flame)).observe(byId("call"));
  showSums(flame);
}

export function showSums(flame: Flame): void {
  const index = Number((byId("what") as HTMLSelectElement).value);
  flame.root = boxOf(flame.data.root, index, null, 0);
  byId("sum").textContent = amountText(flame.root.total);
  byId("sum").dataset.value = String(flame.root.total);
  showFunctions(flame);
  zoomTo(flame, flame.root);
}

/** Bytes or blocks, as the page shows. */
export function amountText(amount: number): string {
  const isBytes = Number((byId("what") as HTMLSelectElement).value) % 2 === 0;
  return isBytes ? bytesText(amount) : countText(Math.round(amount));
}

export function zoomTo(flame: Flame, box: Box): void {
  flame.focus = box;
  flame.boxes = layOut(flame.root, box);
  tell(flame, box);
  draw(flame);
}

export function draw(flame: Flame): void {
  const wanted = (byId("search") as HTMLInputElement).value.toLowerCase();
  const matches = (call: SavedCall) => `${nameOf(call)} ${placeText(call)}`.toLowerCase().includes(wanted);
  drawBoxes(byId("flame") as HTMLCanvasElement, flame.boxes, flame.focus, matches);
}

export function boxAt(flame: Flame, event: MouseEvent): Box | undefined {
  const depth = Math.floor(event.offsetY / rowHeight());
  const x = event.offsetX / byId("flame").clientWidth;
  return flame.boxes.find((box) => box.depth === depth && box.x <= x && x < box.x + box.width);
}

/** Says what a box is. */
export function tell(flame: Flame, box: Box): void {
  const whole = flame.root.total;
  const figures = element("div", "figures");
  for (const [name, amount] of [
    ["with what it calls", box.total],
    ["itself", box.self],
  ] as const) {
    figures.append(
      element("span", "", `${name}: `, element("b", "", amountText(amount)), ` ${shareText(amount, whole)}`),
    );
  }
  byId("call").replaceChildren(
    element("b", "", nameOf(box.call)),
    element("span", "place", placeText(box.call)),
    figures,
  );
}

/**
 * The functions that allocated most themselves; a call below one of the same function does not count twice. What has no file is
 * what the program called of heapwright, and counts as its caller's own.
 */
export function showFunctions({ root }: Flame): void {
  const most = 40;
  const sums = new Map<string, { call: SavedCall; self: number; total: number }>();
  const open = new Map<string, number>();
  const visit = (box: Box) => {
    const key = `${box.call[0]} ${box.call[1]}`;
    const sum = sums.get(key) ?? { call: box.call, self: 0, total: 0 };
    const depth = open.get(key) ?? 0;
    const calls = box.children.filter(({ call, children }) => call[1] !== "" || children.length > 0);
    sums.set(key, sum);
    sum.self += box.children.reduce(
      (self, child) => self + (calls.includes(child) ? 0 : child.self),
      box.self,
    );
    if (depth === 0) sum.total += box.total;
    open.set(key, depth + 1);
    calls.forEach(visit);
    open.set(key, depth);
  };
  root.children.forEach(visit);
  const sorted = [...sums.values()].sort((one, other) => other.self - one.self || other.total - one.total);
  byId("functions").replaceChildren(
    ...sorted.slice(0, most).map(({ call, self, total }) => {
      const name = element("td", "", nameOf(call), element("span", "place", call[1]));
      name.title = call[1];
      const cells = [
        amountText(self),
        shareText(self, root.total),
        amountText(total),
        shareText(total, root.total),
      ];
      return element("tr", "", name, ...cells.map((text) => element("td", "number", text)));
    }),
  );
}
