/**
 * What one library holds: bytes, blocks, the peak, a limit, and what went wrong.
 *
 * Owns these numbers. Bytes are usable ones, as usableSize() gives them, so what a block adds when it is given out is
 * what it takes off when it comes back:
 *
 *   bytes = sum of usableSize over the blocks that were given out and not freed;   bytes <= peak
 *
 * Must not know pointers or C.
 */
import { type HeapError, outOfMemory } from "../errors.js";

export class Account {
  readonly limit: number;
  bytes = 0;
  blocks = 0;
  peak = 0;
  failures = 0;
  lastError: Error | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether `bytes` more may be asked for; not when that is no number of bytes at all. */
  admits(bytes: number): boolean {
    return this.bytes + bytes <= this.limit;
  }

  opened(bytes: number): void {
    this.blocks++;
    this.resized(bytes);
  }

  closed(bytes: number): void {
    this.blocks--;
    this.bytes -= bytes;
  }

  /** A block has `growth` bytes more than it had, or fewer. */
  resized(growth: number): void {
    this.bytes += growth;
    if (this.bytes > this.peak) this.peak = this.bytes;
  }

  failed(error: unknown): void {
    this.failures++;
    this.lastError = error instanceof Error ? error : new Error(String(error));
  }

  overLimit(bytes: number): HeapError {
    return outOfMemory(
      `nativeAllocator: no room for ${bytes < 0 ? bytes + 2 ** 64 : bytes} bytes more; ${this.bytes} bytes are live and the limit is ` +
        `${this.limit}. Let the library free something, or raise the limit option`,
    );
  }
}
