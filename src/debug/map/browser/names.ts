/**
 * In the browser: names and colours of heaps, addresses and ages. See ../../browser/texts.ts for how these functions come there.
 */
import { element } from "../../browser/texts.js";
import type { HeapSnapshot } from "../saved.js";
import { ownerColours } from "./colours.js";

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
