/**
 * The words of a heap record, relative to it.
 *
 * Imported as Rec, by way of record.ts. A module and not an object of constants, as control-words.ts says.
 */

/** The active segment: the one that is carved. */
export const segment = 0;
/** First word of the wilderness: every block of the active segment lies below. */
export const top = 1;
/** First word never touched, as of when top was last lowered: the true one is max(high, top). */
export const high = 2;
/** End of what is charged; top goes no further without asking. A multiple of the page size. */
export const commit = 3;
/** Blocks in bins, and their bytes / 16. */
export const freeBlocks = 4;
export const freeUnits = 5;
/** Blocks between the starts of the heap's segments and their ends, in any state. */
export const blocks = 6;
export const splits = 7;
export const mergesForward = 8;
export const mergesBackward = 9;
/** Bytes / 16 that were joined into large free runs since memory was last given back. */
export const loose = 10;
/** Pages inside free blocks that were given back. */
export const gonePages = 12;
/** Bytes / 16 between the starts and the fences of the segments that were closed. */
export const closedUnits = 13;
/** Bytes / 16 of the cached blocks that are in lists. */
export const spilledUnits = 14;
/** The same blocks counted. */
export const spilledBlocks = 15;
/** Pages charged to the heap: committed parts of its segments, less what was given back. */
export const charged = 16;
/** How often memory was given back. */
export const trims = 17;
/** Blocks of other heaps freed here, since the process began, and their bytes / 16; wrap around. */
export const sentBlocks = 18;
export const sentUnits = 19;
/** Blocks of this heap freed elsewhere that came back, in the same units. */
export const receivedBlocks = 20;
export const receivedUnits = 21;
/** A block of another heap that is being freed here; 0 otherwise. */
export const sending = 22;
/** The block that is being taken back; 0 otherwise. */
export const receiving = 23;
/** The blocks after it in the list that was taken from `remote`. */
export const received = 24;
/** What receivedBlocks and receivedUnits are when that block is back; valid while there is one. */
export const receivingBlocks = 25;
export const receivingUnits = 26;
/** 1 while an update is under way in the heap, or was broken off: it must be put in order before it is used. */
export const torn = 27;
/** A live block that is moving down into the free one below; 0 otherwise. */
export const moving = 28;
/** The block below and its size word, as they were; valid while there is one. */
export const movingBelow = 29;
export const movingLow = 30;

/** First block of the list of blocks freed by other threads. Anybody pushes, the owner takes all. */
export const remote = 32;
/** Odd while the owner takes the list apart. Only the owner changes it. */
export const drains = 33;
/** The heap's entry in the table of heaps; never changes. */
export const entry = 48;
