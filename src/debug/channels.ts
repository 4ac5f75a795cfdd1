/**
 * Channels of node:diagnostics_channel on which the heap tells what became of it.
 *
 * Owns when that is: counts are compared when JavaScript's stack is empty after the heap was used, so what happens meanwhile is told
 * in one message, and errors are told as they are thrown. Must not know who listens.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { HeapError } from "../errors.js";
import { internals } from "../index.js";
import { sharedState } from "./shared.js";

/** What is published on `heapwright:grow` and `heapwright:trim`: figures of the process, as in Stats. */
export interface FootprintMessage {
  /** Bytes. */
  readonly footprint: number;
  /** Times that a heap took more address space, since the process began; as are all counts. */
  readonly grows: number;
  /** Mappings made for large blocks. */
  readonly mmaps: number;
  /** Mappings of large blocks unmapped. */
  readonly munmaps: number;
  /** Times that pages inside free blocks were purged. */
  readonly trims: number;
}

/** What is published on `heapwright:limit` and `heapwright:corrupt`. */
export interface ErrorMessage {
  /** The error that is about to be thrown. */
  readonly error: HeapError;
}

/**
 * The channels of node:diagnostics_channel on which heapwright publishes, in each thread that has loaded heapwright/debug. Subscribe to them by
 * name or here.
 *
 * - `heapwright:grow`, a FootprintMessage: heaps took more address space, or large blocks were mapped
 * - `heapwright:trim`, a FootprintMessage: pages were given back, or large blocks unmapped
 * - `heapwright:limit`, an ErrorMessage: memory is out; see also onOutOfMemory()
 * - `heapwright:corrupt`, an ErrorMessage: a header was found overwritten
 *
 * The first two are of the whole process, and come once JavaScript's stack is empty after this thread used the heap; the others are
 * of this thread, and come before the error is thrown. A subscriber may use the heap.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import { free, malloc } from "heapwright";
 * import { channels } from "heapwright/debug";
 *
 * subscribe(channels.grow.name, (message) => {
 *   console.log((message as { mmaps: number }).mmaps); // 1
 * });
 * const block = malloc(1_000_000);
 * await null;
 * free(block);
 * ```
 */
export const channels: {
  readonly grow: Channel;
  readonly trim: Channel;
  readonly limit: Channel;
  readonly corrupt: Channel;
} = {
  grow: channel("heapwright:grow"),
  trim: channel("heapwright:trim"),
  limit: channel("heapwright:limit"),
  corrupt: channel("heapwright:corrupt"),
};

const state = sharedState("channels", () => ({ isOpen: false, last: internals.counts() }));

/** Begins to publish; once for a thread. */
export function openChannels(): void {
  if (state.isOpen || internals.unusable !== null) return;
  state.isOpen = true;
  internals.whenStackEmpty(tellCounts);
  internals.whenThrown((error) => {
    if (error.code === "ERR_OUT_OF_MEMORY") channels.limit.publish({ error } satisfies ErrorMessage);
    if (error.code === "ERR_HEAP_CORRUPT") channels.corrupt.publish({ error } satisfies ErrorMessage);
  });
}

function tellCounts(): void {
  const { grow, trim } = channels;
  if (!grow.hasSubscribers && !trim.hasSubscribers) return;
  const { last } = state;
  const message: FootprintMessage = internals.counts();
  state.last = message;
  if (message.grows !== last.grows || message.mmaps !== last.mmaps) grow.publish(message);
  if (message.trims !== last.trims || message.munmaps !== last.munmaps) trim.publish(message);
}
