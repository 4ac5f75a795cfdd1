/**
 * The words of the control block that all threads share, by their indices in memory. Written in slow paths only.
 *
 * Imported as Control, by way of control.ts. A module and not an object of constants: as a member of a namespace each is
 * a plain const in what is published, which V8 folds into the code.
 */

/** Random per process; mixed into every header's check word. Its top bit is set, so no check word is 0. */
export const secret = 1;
/** Bytes per page. */
export const pageSize = 2;
/** First chunk of the sbrk range never handed out. */
export const nextChunk = 4;
/** First chunk that the range taken with sbrk does not reach; 0 when there is no such range. */
export const breakChunks = 5;
/** Segments in the table. */
export const segments = 6;
/** Entries of the table of heaps that were ever used. */
export const heaps = 7;
/** Highest footprint seen when it was about to fall, in pages. */
export const peakPages = 8;
/** Cap on the pages charged; NO_LIMIT when there is none. */
export const limitPages = 9;
/** Requests of more bytes than this get a mapping of their own. */
export const mmapThreshold = 10;
/** 1 while freeing a large block raises mmapThreshold. */
export const thresholdRises = 11;
/** Free, touched, joined pages that make a heap give memory back by itself. */
export const trimPages = 12;
/** Where the next large block is tried, and the end of the gap it is in, in pages from the window's base. */
export const largeNext = 13;
export const largeGapEnd = 14;
/** Large blocks live, and the pages of their mappings: charged to the process, not to a heap. */
export const largeCount = 15;
export const largePages = 16;
/** Counts since the process began. */
export const grows = 17;
export const mmaps = 18;
export const munmaps = 19;
export const mremaps = 20;
/** First chunk to try when a segment has to be mapped. */
export const nextMapped = 22;
/** First and one past the last page of the part of the window that large blocks are placed in. */
export const largeFirst = 23;
export const largeLimit = 24;
/** Entries of the mappings table that are not empty, freed ones included. */
export const mappingsUsed = 25;
/** Bytes / 16 in front of the payloads of large blocks. */
export const largeFront = 26;
/** First word of the mappings table in use. */
export const mappings = 27;
/** A mapping's place in it is `page >>> mappingsShift`: as many pages lie between two at least. */
export const mappingsShift = 28;

/** The lock: 0, or a claim of the heap whose thread holds it (see lock.ts). */
export const lock = 64;
/** A robust mutex. */
export const adoption = 96;

/** What the holder of the lock has begun and not finished: one of Pending; the words below are then valid. */
export const pending = 128;
/** Segments: the heap's entry, the segment, its chunks, and words in front of its first block. */
export const pendingHeap = 129;
export const pendingSegment = 130;
export const pendingFirst = 131;
export const pendingChunks = 132;
export const pendingLead = 133;
/** Large blocks: page and pages of the mapping, and of the one that takes its place. */
export const pendingPage = 136;
export const pendingPages = 137;
export const pendingNewPage = 138;
export const pendingNewPages = 139;
/** Bytes in front of its payload. */
export const pendingFront = 140;
