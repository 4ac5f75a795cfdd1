/**
 * What one library has allocated: bytes, blocks, their peak and limit, and failures.
 *
 * Bytes are usable ones, so a free takes off what the allocation added:
 *
 *   bytes = sum of usableSize over the library's live blocks;   bytes <= peak
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

  /** Whether the limit allows `bytes` more; false for NaN. */
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

  /** A block grew by `growth` bytes, or shrank if that is negative. */
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
