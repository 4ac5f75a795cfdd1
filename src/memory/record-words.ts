/**
 * The words of a heap record. Owns their indices, relative to its start. A unit is 16 bytes.
 *
 * Imported as Rec, by way of record.ts; a module and not an object, as control-words.ts says.
 */

/** The active segment: the one whose wilderness blocks are carved from. */
export const segment = 0;
/** First word of the wilderness. */
export const top = 1;
/** High-water mark of the active segment, as of when top was last lowered: the first word never touched is max(high, top). */
export const high = 2;
/** First word of the wilderness that is not charged, at the end of a page; top cannot pass it. */
export const commit = 3;
/** FREE blocks, all of which are in bins, and their units. */
export const freeBlocks = 4;
export const freeUnits = 5;
/** Blocks of the heap in any state. */
export const blocks = 6;
export const splits = 7;
export const coalescedForward = 8;
export const coalescedBackward = 9;
/** Units coalesced into large free blocks since the heap last considered a purge. */
export const sincePurge = 10;
/** Purged pages inside free blocks. */
export const purgedPages = 12;
/** Units between the starts and the fences of closed segments. */
export const closedUnits = 13;
/** The designated victim: a CACHED block in no list, which small blocks are carved from; 0 for none. */
export const victim = 14;
/** The fewest units in small bins since the last consolidation: another one could not coalesce these. */
export const uncoalescable = 15;
/** Pages charged to the heap: committed ones of its segments, less the purged ones. */
export const charged = 16;
/** How often the heap purged. */
export const purges = 17;
/** Blocks of other heaps freed by this heap's thread, since the process started, and their units; wrap around. */
export const sentBlocks = 18;
export const sentUnits = 19;
/** Blocks of this heap, freed by other threads, that were taken back, and their units. */
export const receivedBlocks = 20;
export const receivedUnits = 21;
/** A block of another heap that is being freed here; 0 for none. */
export const sending = 22;
/** The block that is being taken back from the inbox; 0 for none. */
export const receiving = 23;
/** The block after it in the list that was taken from the inbox. */
export const receivingNext = 24;
/** The values of receivedBlocks and receivedUnits once that block is back; valid while there is one. */
export const receivingBlocks = 25;
export const receivingUnits = 26;
/** 1 during an update, and after an interrupted one: the heap must then be recovered before it is used. */
export const interrupted = 27;
/** Updates begun; wraps around. */
export const updates = 31;
/** A live block that realloc is moving down into the free block below; 0 for none. */
export const moving = 28;
/** That block below, and its size word before; valid while there is one. */
export const movingBelow = 29;
export const movingLow = 30;
/** Blocks of made heaps that this heap's thread freed by a mark alone; wraps around. */
export const sentMarks = 50;
/** Most pages that may be charged to the heap; 0 when it has no limit of its own. */
export const budget = 49;

/** Where the outbox begins (see remote.ts), and the cache (see cache.ts). */
export const outbox = 64;
export const cache = 128;

/** The inbox: head of the list of blocks that other threads freed. They push, the owner takes the whole list. */
export const inbox = 32;
/** Odd while the owner empties the list. Only the owner changes it. */
export const drains = 33;
/** What another thread asks the owner's event loop to do: see idle-owners.ts. The owner clears it. */
export const asked = 34;
/** Of a made heap: blocks and units that other threads marked. Marks of threads that died before they counted them are missing. */
export const markedBlocks = 35;
export const markedUnits = 36;
/**
 * 1 while another thread reclaims memory of the inboxes of this heap's thread: the thread then waits before it updates a heap.
 * In the first heap of a thread. See process/reclaim.ts, which writes the words below too.
 */
export const reclaiming = 37;
/** Pages of blocks in the inbox that were given back, and are charged to the heap still. */
export const reclaimedPages = 38;
/** A block of the inbox that is being coalesced with the one below; 0 for none. And valid while there is one: */
export const merging = 39;
/** That block below, and its mark; what Rec.blocks and Rec.receivedBlocks will be. */
export const mergingInto = 40;
export const mergingMark = 41;
export const mergingBlocks = 42;
export const mergingReceived = 43;
/** The heap's entry in the table of heaps. Never changes. */
export const entry = 48;
