/**
 * The table of mapped pages: one byte for each 4 KiB of the window's first 2 GiB, 255 where a segment or a large block is
 * mapped, else 0.
 *
 * Owns that table. Each access to memory reads it, in any thread. It is written under the lock, by steps that are repeated after a
 * death in the middle. Above 2 GiB there is only a count of unmappings (Control.highUnmaps): when it changes, what was remembered
 * of pages there is dropped. Must not know blocks.
 */
import { CONTROL_BYTES, Control, PAGES } from "./control.js";
import { SMALL_LIMIT, type Window, WORD_BYTES } from "./memory.js";

/** `offset >>> PAGE_SHIFT` is the table's byte for an offset in the window. Pages of more than 4 KiB have several. */
export const PAGE_SHIFT = 12;
export const PAGE_TABLE_BYTES = SMALL_LIMIT / 2 ** PAGE_SHIFT;
/** Byte offset of the table in the window. */
export const PAGE_TABLE = PAGES * WORD_BYTES;

/** After mapping: `from` and `to` are byte offsets in the window, at the ends of pages. */
export function notePages(window: Window, from: number, to: number): void {
  if (window.words[Control.guarded] === 0) fillTable(window, from, to, 0xff);
}

/** Has no access take a fast path, in any thread: with a guard each is looked at. */
export function hidePages(window: Window): void {
  window.words[Control.guarded] = 1;
  fillTable(window, 0, SMALL_LIMIT, 0);
}

/** Before unmapping. */
export function forgetPages(window: Window, from: number, to: number): void {
  fillTable(window, from, to, 0);
  if (to > SMALL_LIMIT) window.words[Control.highUnmaps]!++;
}

function fillTable(window: Window, from: number, to: number, value: number): void {
  const first = from / 2 ** PAGE_SHIFT;
  const end = Math.min(to, SMALL_LIMIT) / 2 ** PAGE_SHIFT;
  if (first < end) window.bytes.fill(value, PAGE_TABLE + first, PAGE_TABLE + end);
}

if (PAGE_TABLE + PAGE_TABLE_BYTES !== CONTROL_BYTES)
  throw new Error("mapped-pages: the table does not end with the control block");
