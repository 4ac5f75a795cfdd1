/**
 * Purging: giving pages back to the kernel, those inside large free blocks and those of the wilderness.
 *
 * Owns when that is worth a system call, and its accounting. Purged pages stay mapped and read as zero. Each costs a page fault
 * when it is touched again, so only large idle memory is purged.
 */
import { forEachBinned } from "../block/bins.js";
import { innerEnd, innerPages, innerStart, purgedPages, setPurgedPages, sizeOf } from "../block/block.js";
import { Control } from "../memory/control.js";
import { type Block, roundUp, WORD_BYTES } from "../memory/memory.js";
import { footprintPages, heldPages } from "../shared/account.js";
import { discardPages } from "../space/small-pages.js";
import { binsOf, Rec } from "./record.js";
import type { Wilderness } from "./wilderness.js";

/** The share of the trim threshold that must lie idle for some of it to be purged before a mapping. */
const MAPPING_SHARE = 1 / 32;
/** The share of the trim threshold that must have been freed since purging was last considered. */
const RECHECK_SHARE = 1 / 8;
/** Free blocks below this size are not purged by policy; trim() purges all of at least a page. */
export const POLICY_RUN = 64 * 1024;

/** Counts bytes coalesced into a large free block or the wilderness. */
export function countSincePurge(of: Wilderness, bytes: number): void {
  of.m[of.record + Rec.sincePurge] = of.m[of.record + Rec.sincePurge]! + (bytes >>> 4);
}

/** Notes how many pages of a FREE block in its bin are purged. */
export function notePurged(of: Wilderness, b: Block, pages: number): void {
  const { m, record } = of;
  m[record + Rec.purgedPages] = m[record + Rec.purgedPages]! + pages - purgedPages(m, b);
  setPurgedPages(m, b, pages);
}

/**
 * Whether to purge by policy: when more coalesced, touched memory is free than the trim threshold, and more than is in use. The
 * second condition is hysteresis: a program that frees and refills half of its heap again and again keeps its pages.
 */
export function purgeIsDue(of: Wilderness): boolean {
  const { m, record } = of;
  const trimPages = m[Control.trimPages]!;
  if (m[record + Rec.sincePurge]! * 16 < trimPages * of.pageSize * RECHECK_SHARE) return false;
  m[record + Rec.sincePurge] = 0;
  const idle = idlePages(of);
  return idle > trimPages && idle > heldPages(m, record) - idle;
}

/** Pages that could be purged: charged ones in bins, and in the wilderness as far as it was ever touched. */
export function idlePages(of: Wilderness): number {
  const { m, record } = of;
  const wilderness = Math.max(0, m[record + Rec.high]! - m[record + Rec.top]!) * WORD_BYTES;
  const binned = m[record + Rec.freeUnits]! * 16;
  return Math.floor((wilderness + binned) / of.pageSize) - m[record + Rec.purgedPages]!;
}

/** Purges the inner pages of free blocks of at least `leastRun` bytes, and the wilderness; returns how many. */
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
 * Purges as many idle pages of large free blocks as a mapping of `bytes` would raise the peak footprint by. A program that maps
 * and unmaps the same size again and again pays nothing; one that grows pays a page fault per mapped page at most.
 */
export function purgeBeforeMapping(of: Wilderness, bytes: number): void {
  const { m, record } = of;
  const pages = Math.ceil(bytes / of.pageSize);
  if (idlePages(of) < Math.max(pages, m[Control.trimPages]! * MAPPING_SHARE)) return;
  if (footprintPages(m) + pages <= m[Control.peakPages]!) return;
  if (purgeFree(of, POLICY_RUN, pages) > 0) m[record + Rec.purges] = m[record + Rec.purges]! + 1;
}

/** Purges the inner pages of free blocks of at least `leastRun` bytes, until there are `enough`; returns how many. */
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

/** Purges the inner pages of one free block in its bin; returns how many were not purged before. */
function purgeBlock(of: Wilderness, b: Block): number {
  const { m, pageSize } = of;
  const start = innerStart(b, pageSize);
  const bytes = innerEnd(b, sizeOf(m, b), pageSize) - start;
  if (!discardPages(of.window, of.os, of.window.base + start, bytes)) return 0;
  const pages = bytes / pageSize - purgedPages(m, b);
  of.account.discharge(pages);
  notePurged(of, b, bytes / pageSize);
  of.hooks.trace?.("purge", of.window.base + start, bytes);
  return pages;
}

/** Discharges what is committed and was never touched, for whoever needs it at the limit. */
export function uncommit(of: Wilderness): void {
  const { m, record } = of;
  const pageWords = of.pageSize / WORD_BYTES;
  const touched = roundUp(Math.max(m[record + Rec.high]!, m[record + Rec.top]!), pageWords);
  const pages = (m[record + Rec.commit]! - touched) / pageWords;
  if (pages <= 0) return;
  of.account.discharge(pages); // first: it notes the peak, which these pages are not part of while they are committed
  m[record + Rec.commit] = touched;
}

/**
 * Does what takes the inbox back. Pages of its blocks that others have given back (process/reclaim.ts) are purged again after it,
 * which counts them off for good. Until then they may be counted off twice, and so nobody charges anything meanwhile.
 */
export function whileTakingBack(of: Wilderness, work: () => void): void {
  const { m, record } = of;
  if (m[record + Rec.reclaimedPages] === 0) {
    work();
    return;
  }
  of.account.whileNobodyCharges(() => {
    work();
    purge(of, of.pageSize);
    m[record + Rec.reclaimedPages] = 0;
  });
}

/**
 * Purges and uncommits the wilderness, of which `purged` pages were purged before they became wilderness. It reads as zero
 * afterwards, so calloc need not clear it.
 */
export function purgeWilderness(of: Wilderness, purged: number): number {
  const { m, record, pageSize } = of;
  const pageWords = pageSize / WORD_BYTES;
  const first = roundUp(m[record + Rec.top]!, pageWords);
  const high = roundUp(m[record + Rec.high]!, pageWords);
  const address = of.window.base + first * WORD_BYTES;
  const bytes = (high - first) * WORD_BYTES;
  if (bytes <= 0 || !discardPages(of.window, of.os, address, bytes)) {
    of.account.chargeUnchecked(purged);
    return 0;
  }
  of.account.discharge((m[record + Rec.commit]! - first) / pageWords - purged);
  m[record + Rec.high] = first;
  m[record + Rec.commit] = first;
  of.hooks.trace?.("purge", address, bytes);
  return bytes / pageSize;
}
