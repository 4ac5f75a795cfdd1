/**
 * Whether memory is mapped at a place of the window. An access to an unmapped page would end the process.
 *
 * Below 2 GiB the table of mapped pages tells (memory/mapped-pages.ts). Above, a chunk that has an owner is mapped as a
 * whole. Mappings of large blocks there are looked up once, and remembered until any mapping above 2 GiB is unmapped.
 */
import { guarded, heap, unusable } from "../api/attached.js";
import { CHUNK_BYTES, Control, ownerOfWord } from "../memory/control.js";
import { PAGE_SHIFT, PAGE_TABLE, PAGE_TABLE_BYTES } from "../memory/mapped-pages.js";
import { SMALL_LIMIT, WORD_BYTES } from "../memory/memory.js";

/** Up to this many pages are checked in a loop, more by a builtin. */
const FEW_PAGES = 64;
/** Mappings above 2 GiB that are remembered. */
const REMEMBERED = 16;

const { base, buffer, span, words } = heap.window;

/** Per page, whether it is mapped; all 0 if there is no heap. */
export const mapped =
  unusable === null && span > PAGE_TABLE
    ? new Uint8Array(buffer, PAGE_TABLE, PAGE_TABLE_BYTES)
    : new Uint8Array(PAGE_TABLE_BYTES);

/** Places of the remembered mappings, and the count of unmappings above 2 GiB when they were looked up. */
const starts = new Float64Array(REMEMBERED);
const ends = new Float64Array(REMEMBERED);
let highUnmaps = 0;
let next = 0;

/** How many of `bytes` from a place on are mapped without a gap. */
export function reach(place: number, bytes: number): number {
  const { guard, slots } = heap.hooks;
  if (slots?.covers(base + place)) return Math.min(bytes, slots.roomAt(base + place));
  const room = guard === null ? span : guard.roomAt(base + place);
  const wanted = Math.min(bytes, span - place, room);
  if (isThere(place, wanted)) return wanted;
  let end = place;
  for (let next = pageEnd(end); isThere(end, next - end); next = pageEnd(end)) end = next;
  return Math.min(end - place, wanted);
}

function pageEnd(place: number): number {
  const page = 2 ** PAGE_SHIFT;
  return place - (place % page) + page;
}

/** Whether all of these bytes are mapped. Of 0 bytes only that the place is in the window. */
export function isThere(place: number, bytes: number): boolean {
  if (!(place >= 0 && place + bytes <= span)) return false;
  const { slots } = heap.hooks;
  if (slots?.covers(base + place)) return slots.roomAt(base + place) >= bytes;
  const end = place + bytes;
  for (let from = place; from < end; ) {
    const isNear = from < SMALL_LIMIT && words[Control.guarded] === 0; // else the table says nothing
    const to = isNear ? nearEnd(from, Math.min(end, SMALL_LIMIT)) : highEnd(from);
    if (to < 0) return false;
    from = to;
  }
  return true;
}

/** `end` if all pages up to there are mapped; else -1. */
function nearEnd(place: number, end: number): number {
  const first = place >>> PAGE_SHIFT;
  const last = (end - 1) >>> PAGE_SHIFT;
  if (last - first < FEW_PAGES) {
    for (let page = first; page <= last; page++) if (!mapped[page]) return -1;
    return end;
  }
  const hole = mapped.indexOf(0, first);
  return hole < 0 || hole > last ? end : -1;
}

/** The end of the owned chunk or the mapping that a place above 2 GiB lies in; -1 if it lies in none. */
function highEnd(place: number): number {
  const word = Math.floor(place / WORD_BYTES);
  if (word < words.length && ownerOfWord(words, word) !== 0)
    return (Math.floor(place / CHUNK_BYTES) + 1) * CHUNK_BYTES;
  if (highUnmaps !== words[Control.highUnmaps] || words[Control.guarded] !== 0) forget();
  for (let i = 0; i < REMEMBERED; i++) if (starts[i]! <= place && place < ends[i]!) return ends[i]!;
  return lookUp(place);
}

function forget(): void {
  ends.fill(0);
  highUnmaps = words[Control.highUnmaps]!;
}

function lookUp(place: number): number {
  const mapping = guarded(() => heap.large.mappingAt(base + place));
  if (mapping === null) return -1;
  next = (next + 1) % REMEMBERED;
  starts[next] = mapping[0] - base;
  ends[next] = mapping[0] + mapping[1] - base;
  return ends[next]!;
}
