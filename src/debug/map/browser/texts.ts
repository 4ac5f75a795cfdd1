/**
 * In the browser: numbers, names and elements of the page. See shot.ts for how these functions come there.
 *
 * All text of the heap comes into the page by `textContent`: a name is never markup.
 */
import type { HeapSnapshot } from "../saved.js";
import { ownerColours } from "./colours.js";

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** A new element with a class and a text or children. */
export function element(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function countText(count: number): string {
  return count.toLocaleString("en").replaceAll(",", "\u202f");
}

export function shareText(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const percent = (100 * part) / whole;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

export function ageText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function addressText(address: number): string {
  return `0x${address.toString(16)}`;
}

export function heapName(snapshot: HeapSnapshot, index: number): string {
  const heap = snapshot.heaps[index];
  if (heap === undefined) return "the process";
  const number = heap.thread < 0 ? "?" : heap.thread;
  const who = heap.thread === 0 ? "main thread" : `thread ${number}`;
  const ended = heap.owner === "ended" ? "an ended thread" : who;
  if (!heap.made) return ended;
  return heap.name === undefined ? `a Heap of ${ended}` : `Heap \u201c${heap.name}\u201d`;
}

/** The colour that stands for a heap, as a small square. */
export function ownerSwatch(index: number): HTMLElement {
  const colours = ownerColours();
  return swatch(colours[index < 0 ? colours.length - 1 : index % (colours.length - 1)]!, false);
}

export function swatch(colour: string, hatched: boolean): HTMLElement {
  const made = element("i", hatched ? "swatch hatched" : "swatch");
  made.style.setProperty("--colour", colour);
  return made;
}
