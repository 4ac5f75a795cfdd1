/**
 * Purging: giving pages back to the kernel, those inside large free blocks and those above the top of the wilderness.
 *
 * Owns when that is worth a system call and how it is accounted. The pages stay mapped and read as zero; touching
 * them again takes a page fault, so memory is given back only when much of it lies idle.
 */
import { forEachBinned } from "../block/bins.js";
import { innerEnd, innerPages, innerStart, purgedPages, setPurgedPages, sizeOf } from "../block/block.js";
import { Control } from "../memory/control.js";
import { type Block, roundUp, WORD_BYTES } from "../memory/memory.js";
import { footprintPages, heldPages } from "../shared/account.js";
import { binsOf, Rec } from "./record.js";
import type { Wilderness } from "./wilderness.js";

/** How much must lie idle, as a share of the setting, for some of it to make up for a mapping. */
const MAKE_UP_SHARE = 1 / 32;
/** How much must have come into large free blocks, as a share of the setting, before it is looked at again. */
const RECHECK_SHARE = 1 / 8;
/** Free blocks below this size are not worth a system call to the policy; trim() by hand takes all of at least a page. */
export const POLICY_RUN = 64 * 1024;

/** Notes that so much free memory came into a large free block or the wilderness. */
export function countSincePurge(of: Wilderness, bytes: number): void {
  of.m[of.record + Rec.sincePurge] = of.m[of.record + Rec.sincePurge]! + (bytes >>> 4);
}

/** Notes how many pages of a FREE block in its bin are given back. */
export function notePurged(of: Wilderness, b: Block, pages: number): void {
  const { m, record } = of;
  m[record + Rec.purgedPages] = m[record + Rec.purgedPages]! + pages - purgedPages(m, b);
  setPurgedPages(m, b, pages);
}

/**
 * Whether so much coalesced memory lies free and touched that it should go back: more than the setting, and more than
 * is in use. The second condition is the hysteresis: a program that frees and refills half its heap again and again
 * keeps its pages, and what is given back is at most what could be doubled again.
 */
export function purgeIsDue(of: Wilderness): boolean {
  const { m, record } = of;
  const trimPages = m[Control.trimPages]!;
  if (m[record + Rec.sincePurge]! * 16 < trimPages * of.pageSize * RECHECK_SHARE) return false;
  m[record + Rec.sincePurge] = 0;
  const idle = idlePages(of);
  return idle > trimPages && idle > heldPages(m, record) - idle;
}

/** Free and coalesced pages that are charged: in bins, and in the wilderness as far as it was ever touched. */
export function idlePages(of: Wilderness): number {
  const { m, record } = of;
  const wilderness = Math.max(0, m[record + Rec.high]! - m[record + Rec.top]!) * WORD_BYTES;
  const binned = m[record + Rec.freeUnits]! * 16;
  return Math.floor((wilderness + binned) / of.pageSize) - m[record + Rec.purgedPages]!;
}

/** Gives back the inner pages of free blocks of at least `leastRun` bytes, and the wilderness; returns how many. */
export function purge(of: Wilderness, leastRun: number): number {
  const { m, record } = of;
  const pages = purgeFree(of, leastRun, Number.POSITIVE_INFINITY) + purgeWilderness(of, 0);
  m[record + Rec.sincePurge] = 0;
  if (pages > 0) m[record + Rec.purges] = m[record + Rec.purges]! + 1;
  return pages;
}

/** As purge(), but no more than `enough` pages: free blocks first, the wilderness last. */
export function purgeSome(of: Wilderness, leastRun: number, enough: number): number {
  const { m, record } = of;
  let pages = purgeFree(of, leastRun, enough);
  if (pages < enough) pages += purgeWilderness(of, 0);
  if (pages > 0) m[record + Rec.purges] = m[record + Rec.purges]! + 1;
  return pages;
}

/**
 * Before `bytes` are mapped: when the footprint would become larger than it ever was, gives as many pages back that lie
 * idle in large free blocks. A program that maps and unmaps the same again pays nothing, and one that grows a page fault for
 * each page that it maps, at most.
 */
export function makeUpFor(of: Wilderness, bytes: number): void {
  const { m, record } = of;
  const pages = Math.ceil(bytes / of.pageSize);
  if (idlePages(of) < Math.max(pages, m[Control.trimPages]! * MAKE_UP_SHARE)) return;
  if (footprintPages(m) + pages <= m[Control.peakPages]!) return;
  if (purgeFree(of, POLICY_RUN, pages) > 0) m[record + Rec.purges] = m[record + Rec.purges]! + 1;
}

/** Gives back the inner pages of free blocks of at least `leastRun` bytes, until it is `enough` pages; returns how many. */
function purgeFree(of: Wilderness, leastRun: number, enough: number): number {
  const { m, record } = of;
  const found: Block[] = [];
  forEachBinned(m, binsOf(record), m[record + Rec.freeBlocks]!, record, leastRun, (b) => {
    if (innerPages(b, sizeOf(m, b), of.pageSize) > purgedPages(m, b)) found.push(b);
  });
  let pages = 0;
  for (let i = 0; i < found.length && pages < enough; i++) pages += purgeBlock(of, found[i]!);
  return pages;
}

/** Gives back the inner pages of one free block in its bin, which has some; returns how many. */
function purgeBlock(of: Wilderness, b: Block): number {
  const { m, pageSize } = of;
  const start = innerStart(b, pageSize);
  const bytes = innerEnd(b, sizeOf(m, b), pageSize) - start;
  if (!of.os.discard(of.window.base + start, bytes)) return 0;
  const pages = bytes / pageSize - purgedPages(m, b);
  of.account.discharge(pages);
  notePurged(of, b, bytes / pageSize);
  of.hooks.trace?.("purge", of.window.base + start, bytes);
  return pages;
}

/** Discharges what is committed and was never touched: at the limit somebody else may need it. */
export function uncommit(of: Wilderness): void {
  const { m, record } = of;
  const pageWords = of.pageSize / WORD_BYTES;
  const touched = roundUp(Math.max(m[record + Rec.high]!, m[record + Rec.top]!), pageWords);
  const pages = (m[record + Rec.commit]! - touched) / pageWords;
  if (pages <= 0) return;
  of.account.discharge(pages); // first: what is committed and untouched is no footprint, and the peak is noted here
  m[record + Rec.commit] = touched;
}

/**
 * Gives back the pages above the top, of which `purged` were given back before they became wilderness. What lies there
 * is fresh again afterwards, so calloc need not clear it.
 */
export function purgeWilderness(of: Wilderness, purged: number): number {
  const { m, record, pageSize } = of;
  const pageWords = pageSize / WORD_BYTES;
  const first = roundUp(m[record + Rec.top]!, pageWords);
  const high = roundUp(m[record + Rec.high]!, pageWords);
  const address = of.window.base + first * WORD_BYTES;
  const bytes = (high - first) * WORD_BYTES;
  if (bytes <= 0 || !of.os.discard(address, bytes)) {
    of.account.chargeUnchecked(purged);
    return 0;
  }
  of.account.discharge((m[record + Rec.commit]! - first) / pageWords - purged);
  m[record + Rec.high] = first;
  m[record + Rec.commit] = first;
  of.hooks.trace?.("purge", address, bytes);
  return bytes / pageSize;
}
