/**
 * The words of the control block, which all threads share. Owns their indices. Written in slow paths only.
 *
 * Imported as Control, by way of control.ts. A module and not an object, so that the bundler makes a plain const of each,
 * which V8 folds into the code (V8 rule 3).
 */

/** Random per process, part of every checksum. Its top bit is set, so that no checksum is 0 or a link. */
export const secret = 1;
/** Bytes per page. */
export const pageSize = 2;
/** First chunk of the range from sbrk that no segment has taken yet. */
export const nextChunk = 4;
/** Chunks up to the end of the range from sbrk, or of the mapping in its stead; 0 without either. */
export const breakChunks = 5;
/** Segments in the table. */
export const segments = 6;
/** Entries of the table of heaps that were ever used. */
export const heaps = 7;
/** Highest footprint, in pages, as of the last time that it fell. */
export const peakPages = 8;
/** Most pages that may be charged; NO_LIMIT when there is no limit. */
export const limitPages = 9;
/** Requests of more bytes than this get a mapping of their own. */
export const mmapThreshold = 10;
/** 1 when mmapThreshold is dynamic: see large-churn.ts. */
export const isThresholdDynamic = 11;
/** With more touched pages in free blocks than this, a heap purges by itself. */
export const trimPages = 12;
/** The gap above 2 GiB that large blocks are mapped in: its start and end, in pages from the window's base. */
export const largeNext = 13;
export const largeGapEnd = 14;
/** Live large blocks, and the pages of their mappings, which are charged to the process and not to a heap. */
export const largeCount = 15;
export const largePages = 16;
/** Counts since the process started. */
export const grows = 17;
export const mmaps = 18;
export const munmaps = 19;
export const mremaps = 20;
/** First chunk to try when a segment has to be mapped. */
export const nextMapped = 22;
/** Pages of address space that mappings leave to the rest of the process under a resource limit; 0 without one. */
export const headroomPages = 31;
/** The pages of the window above 2 GiB where large blocks may be mapped: the first, and the one after the last. */
export const largeFirst = 23;
export const largeLimit = 24;
/** Entries of the mappings table, freed ones included. */
export const mappingsUsed = 25;
/** Pages of slack in all large blocks: see large-headers.ts. */
export const largeSlack = 48;
/** Units of 16 bytes in front of the payloads of all large blocks. */
export const largeFront = 26;
/** First word of the mappings table in use. */
export const mappings = 27;
/** While mmapThreshold is raised: pages that the heap may still serve, and requests since the last one near it. */
export const churnCredit = 29;
export const churnOthers = 30;
/** How often mapped blocks are freed, by doublings of their size. */
export const churnScores = 32;
export const CHURN_SCORES = 8;
/** Like largeNext, largeGapEnd, largeFirst and largeLimit, below 2 GiB; and the pages unmapped there outside the gap. */
export const lowNext = 40;
export const lowGapEnd = 41;
export const lowFirst = 42;
export const lowLimit = 43;
export const lowFreed = 44;

/** The window's base: the address of word 0. */
export const baseLow = 45;
export const baseHigh = 46;

/** Entries of the table of waiters that were ever used. */
export const waiters = 47;

/** How often something above 2 GiB was unmapped (see mapped-pages.ts). */
export const highUnmaps = 49;

/** What heapwright/debug noted of all threads: the block where it begins, or 0; and whether threads that join take part. */
export const notes = 50;
export const noting = 51;
/** 1 when the kernel refused to unmap freed large blocks, which are tried again: see large-changes.ts. */
export const leftMapped = 53;
/** 1 once pages of segments were given back: they have no huge pages from then on (see small-pages.ts). */
export const smallPages = 54;
/** 1 when each access is looked at: the table of mapped pages is empty then. */
export const guarded = 52;
/** The page where the blocks begin that have pages of their own (debug/slots.ts), counted from the window's base; 0 for none. */
export const slots = 55;

/** The lock: 0, or a claim of the heap whose thread holds it (see lock.ts). */
export const lock = 64;
/** The adoption mutex, a robust one: heaps are claimed under it. */
export const adoption = 96;

/** Under that mutex: the record of the first heap of the thread whose inboxes are being reclaimed; 0 for none. */
export const reclaiming = 112;

/** The change that the holder of the lock has begun: one of Pending. The words below are valid while there is one. */
export const pending = 128;
/** Of a segment: the heap's entry, the segment's, first chunk and count, and words in front of the first block. */
export const pendingHeap = 129;
export const pendingSegment = 130;
export const pendingFirst = 131;
export const pendingChunks = 132;
export const pendingLead = 133;
/** Of a large block: page and pages of its mapping, and of the one that replaces it. */
export const pendingPage = 136;
export const pendingPages = 137;
export const pendingNewPage = 138;
export const pendingNewPages = 139;
/** Bytes in front of its payload. */
export const pendingFront = 140;
/** Pages of slack in the new mapping. */
export const pendingSlack = 141;
