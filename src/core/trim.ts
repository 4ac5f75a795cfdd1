/**
 * Giving memory back: the pages inside large free blocks and above the top of the wilderness.
 *
 * Owns when that is worth a system call and how it is accounted. The pages stay mapped and read as zero; touching
 * them again takes a page fault, so memory is given back only when much of it lies idle.
 */
import { type Account, footprintPages } from "./account.js";
import { BIN_COUNT, binOf, forEachBinned } from "./bins.js";
import { gonePages, innerEnd, innerStart, sizeOf } from "./block.js";
import { Control } from "./control.js";
import type { Hooks } from "./hooks.js";
import { type Block, roundUp, type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";
import { binsOf, Rec } from "./record.js";
import type { Runs } from "./runs.js";

/** What trimming needs of a store. */
export interface Trimmable {
  readonly window: Window;
  readonly account: Account;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly record: number;
  readonly runs: Runs;
  slackPages(): number;
}

/** How much must lie idle, as a share of the setting, for some of it to make up for a mapping. */
const MAKE_UP_SHARE = 1 / 32;
/** How much must have come into large runs, as a share of the setting, before it is looked at again. */
const RECHECK_SHARE = 1 / 8;
/** Runs below this size are not worth a system call to the policy; trim() by hand takes all of at least a page. */
export const POLICY_RUN = 64 * 1024;

/**
 * Whether so much joined memory lies free and touched that it should go back: more than the setting, and more than
 * is in use. The second condition is the hysteresis: a program that frees and refills half its heap again and again
 * keeps its pages, and what is given back is at most what could be doubled again.
 */
export function trimIsDue(store: Trimmable): boolean {
  const m = store.window.words;
  const { record } = store;
  const trimPages = m[Control.trimPages]!;
  if (m[record + Rec.loose]! * 16 < trimPages * store.runs.pageSize * RECHECK_SHARE) return false;
  m[record + Rec.loose] = 0;
  const idle = idlePages(store);
  return idle > trimPages && idle > m[record + Rec.charged]! - store.slackPages() - idle;
}

/** Free pages that are charged: in bins, and in the wilderness as far as it was ever touched. */
function idlePages(store: Trimmable): number {
  const m = store.window.words;
  const { record } = store;
  const wilderness = Math.max(0, m[record + Rec.high]! - m[record + Rec.top]!) * WORD_BYTES;
  const binned = m[record + Rec.freeUnits]! * 16;
  return Math.floor((wilderness + binned) / store.runs.pageSize) - m[record + Rec.gonePages]!;
}

/** Gives back the inner pages of free blocks of at least `leastRun` bytes, and the wilderness; returns the bytes. */
export function trim(store: Trimmable, leastRun: number): number {
  const m = store.window.words;
  const { record } = store;
  const pages = trimRuns(store, leastRun, Number.POSITIVE_INFINITY) + trimWilderness(store, 0);
  m[record + Rec.loose] = 0;
  if (pages > 0) m[record + Rec.trims] = m[record + Rec.trims]! + 1;
  return pages * store.runs.pageSize;
}

/**
 * Before `bytes` are mapped: when the footprint would become larger than it ever was, gives as many pages back that lie
 * idle in large runs. A program that maps and unmaps the same again pays nothing, and one that grows a page fault for each
 * page that it maps, at most.
 */
export function makeUpFor(store: Trimmable, bytes: number): void {
  const m = store.window.words;
  const pages = Math.ceil(bytes / store.runs.pageSize);
  const idle = idlePages(store);
  if (idle < Math.max(pages, m[Control.trimPages]! * MAKE_UP_SHARE)) return;
  if (footprintPages(m) + pages <= m[Control.peakPages]!) return;
  if (trimRuns(store, POLICY_RUN, pages) > 0) m[store.record + Rec.trims] = m[store.record + Rec.trims]! + 1;
}

/** Gives back the inner pages of free blocks of at least `leastRun` bytes, until it is `enough` pages; returns how many. */
function trimRuns(store: Trimmable, leastRun: number, enough: number): number {
  const m = store.window.words;
  const { record } = store;
  const runs: Block[] = [];
  forEachBinned(m, binsOf(record), m[record + Rec.freeBlocks]!, record, binOf(leastRun), (b) => {
    if (store.runs.innerPages(b, sizeOf(m, b)) > gonePages(m, b)) runs.push(b);
  });
  let pages = 0;
  for (let i = 0; i < runs.length && pages < enough; i++) pages += trimRun(store, runs[i]!);
  return pages;
}

/** Gives back the inner pages of one free block in its bin, which has some; returns how many. */
function trimRun(store: Trimmable, b: Block): number {
  const m = store.window.words;
  const { pageSize } = store.runs;
  const start = innerStart(b, pageSize);
  const bytes = innerEnd(b, sizeOf(m, b), pageSize) - start;
  if (!store.os.discard(store.window.base + start, bytes)) return 0;
  const pages = bytes / pageSize - gonePages(m, b);
  store.account.discharge(pages);
  store.runs.setGone(b, bytes / pageSize);
  store.hooks.trace?.("trim", store.window.base + start, bytes);
  return pages;
}

/** Discharges what is committed and was never touched: at the limit somebody else may need it. */
export function uncommit(store: Trimmable): void {
  const m = store.window.words;
  const { record } = store;
  const pageWords = store.runs.pageSize / WORD_BYTES;
  const touched = roundUp(Math.max(m[record + Rec.high]!, m[record + Rec.top]!), pageWords);
  const pages = (m[record + Rec.commit]! - touched) / pageWords;
  if (pages <= 0) return;
  store.account.discharge(pages); // first: what is committed and untouched is no footprint, and the peak is noted here
  m[record + Rec.commit] = touched;
}

/**
 * Gives back the pages above the top, of which `gone` were given back before they became wilderness. What lies there
 * is fresh again afterwards, so calloc need not clear it.
 */
export function trimWilderness(store: Trimmable, gone: number): number {
  const m = store.window.words;
  const { record } = store;
  const { pageSize } = store.runs;
  const pageWords = pageSize / WORD_BYTES;
  const first = roundUp(m[record + Rec.top]!, pageWords);
  const high = roundUp(m[record + Rec.high]!, pageWords);
  const address = store.window.base + first * WORD_BYTES;
  const bytes = (high - first) * WORD_BYTES;
  if (bytes <= 0 || !store.os.discard(address, bytes)) {
    store.account.chargeUnchecked(gone);
    return 0;
  }
  store.account.discharge((m[record + Rec.commit]! - first) / pageWords - gone);
  m[record + Rec.high] = first;
  m[record + Rec.commit] = first;
  store.hooks.trace?.("trim", address, bytes);
  return bytes / pageSize;
}

if (binOf(POLICY_RUN) >= BIN_COUNT) throw new Error("trim: no bin holds runs of that size");
