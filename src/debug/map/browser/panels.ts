/**
 * In the browser: what stands around the map: figures, the bar of the footprint, sizes, heaps, regions. See ../../browser/texts.ts for how
 * these functions come there.
 */
import { byId, bytesText, countText, element, shareText } from "../../browser/texts.js";
import type { HeapSnapshot } from "../saved.js";
import { isDark } from "./colours.js";
import { heapName, ownerSwatch, swatch } from "./names.js";

/** A figure with a name; its exact value is in `data-value`. */
export function card(name: string, value: number, text: string, note: string, hint: string): HTMLElement {
  const figure = element("strong", "", text);
  figure.dataset.figure = name;
  figure.dataset.value = String(value);
  const made = element("div", "card", element("span", "name", name), figure, element("span", "note", note));
  made.title = hint;
  return made;
}

export function showCards({ stats, largestFree, regions, footprint, heaps }: HeapSnapshot): void {
  const { allocated, blocks, footprint: held, peakFootprint } = stats as Record<string, number>;
  const mappings = regions.filter(({ kind }) => kind === "mapping").length;
  const idle = footprint.cached + footprint.remote + footprint.free;
  const exact = (bytes: number) => `${countText(bytes)} bytes`;
  byId("cards").replaceChildren(
    card(
      "live",
      allocated!,
      bytesText(allocated!),
      `${shareText(allocated!, held!)} of the footprint`,
      exact(allocated!),
    ),
    card(
      "blocks",
      blocks!,
      countText(blocks!),
      `${bytesText(blocks! > 0 ? allocated! / blocks! : 0)} on average`,
      "live blocks",
    ),
    card("footprint", held!, bytesText(held!), `peak ${bytesText(peakFootprint!)}`, exact(held!)),
    card(
      "idle",
      idle,
      bytesText(idle),
      "freed, not given back",
      `cached, free, or on its way back: ${exact(idle)}`,
    ),
    card(
      "largest free run",
      largestFree.run,
      bytesText(largestFree.run),
      `largest free block ${bytesText(largestFree.block)}`,
      "neighbours that are free or cached: one block after a consolidation",
    ),
    card(
      "segments",
      stats.segments!,
      countText(stats.segments!),
      `mappings: ${countText(mappings)}`,
      "ranges of address space that heaps carve blocks from; blocks with a mapping of their own",
    ),
    card(
      "heaps",
      heaps.length,
      countText(heaps.length),
      `living threads: ${countText(stats.threads!)}`,
      "heaps of threads, and those that the program made",
    ),
  );
}

/** The parts of the footprint: key, name, colours in light and in dark. */
export function partLooks(): readonly (readonly [keyof HeapSnapshot["footprint"], string, string, string])[] {
  return [
    ["live", "live", "#2f7fc1", "#4c9fe0"],
    ["headers", "headers", "#1c4f7c", "#2f6ea3"],
    ["bookkeeping", "bookkeeping", "#5d6572", "#8b94a3"],
    ["remote", "on its way back", "#c9559b", "#d267a8"],
    ["cached", "cached", "#f0a83a", "#d9942b"],
    ["slack", "slack", "#8f7fc9", "#9a8bd6"],
    ["free", "free, scattered", "#a5d3b4", "#4b7f63"],
    ["wilderness", "free, above the last block", "#d9dee6", "#3c4656"],
  ];
}

export function showFootprint({ footprint, stats }: HeapSnapshot): void {
  const bar = byId("footprint-bar");
  const list = byId("footprint-parts");
  bar.replaceChildren();
  list.replaceChildren();
  for (const [key, name, light, dark] of partLooks()) {
    const bytes = footprint[key];
    const colour = isDark() ? dark : light;
    const part = element("div", "part");
    part.style.flexGrow = String(bytes);
    part.style.background = colour;
    part.title = `${name}: ${countText(bytes)} bytes, ${shareText(bytes, stats.footprint!)}`;
    if (bytes > 0) bar.append(part);
    const value = element("b", "", bytesText(bytes));
    value.dataset.part = key;
    value.dataset.value = String(bytes);
    const share = element("span", "note", shareText(bytes, stats.footprint!));
    list.append(element("li", bytes > 0 ? "" : "none", swatch(colour, false), name, value, share));
  }
}

/** Bars of live and freed bytes or blocks, for each doubling of the size. */
export function showSizes({ sizes }: HeapSnapshot, by: "Blocks" | "Bytes"): void {
  const most = Math.max(1, ...sizes.map((of) => of[`live${by}`] + of[`freed${by}`]));
  const every = Math.ceil(sizes.length / 13); // there is room for so many labels
  const columns = sizes.map((of, index) => {
    const [live, freed] = [of[`live${by}`], of[`freed${by}`]];
    const text = (amount: number) => (by === "Bytes" ? bytesText(amount) : countText(amount));
    const bars = element("div", "bars", sizeBar("freed", freed / most), sizeBar("live", live / most));
    const label =
      index % every === 0
        ? bytesText(of.upTo)
            .replace(/(\.0+)? (B|iB)?/, "")
            .replace("iB", "")
        : "\u00a0";
    const column = element("div", "column", bars, element("span", "label", label));
    column.title = `up to ${countText(of.upTo)} bytes: ${text(live)} live, ${text(freed)} freed`;
    return column;
  });
  byId("sizes").replaceChildren(...columns);
}

export function sizeBar(which: "live" | "freed", share: number): HTMLElement {
  const made = element("div", which);
  made.style.height = `${100 * share}%`;
  return made;
}

/** Rows for heaps, which call `go` with the place of a region when they are clicked. */
export function showHeaps(saved: HeapSnapshot, go: (region: number) => void): void {
  const rows = saved.heaps.map((heap, index) => {
    const region = saved.regions.findIndex((each) => each.heap === index);
    const live = Math.max(0, heap.allocated);
    const cells = [
      heapName(saved, index),
      countText(Math.max(0, heap.blocks)),
      bytesText(live),
      bytesText(heap.footprint),
    ];
    return regionRow(ownerSwatch(index), cells, live, heap.footprint, () => region >= 0 && go(region));
  });
  byId("heaps").replaceChildren(...rows);
}

export function regionRow(
  mark: HTMLElement,
  [name, ...cells]: string[],
  live: number,
  held: number,
  go: () => void,
): HTMLElement {
  const bar = element("div", "share", element("div", ""));
  (bar.firstChild as HTMLElement).style.width = `${held > 0 ? Math.min(100, (100 * live) / held) : 0}%`;
  const button = element("button", "link", mark, name!);
  button.addEventListener("click", go);
  const row = element("tr", "", element("td", "", button));
  row.append(...cells.map((text) => element("td", "number", text)), element("td", "", bar));
  return row;
}
