/**
 * A profile as plain data: what the sampler hands over and the file formats take.
 *
 * Sums are estimates of what the program allocated, unbiased: each sample counts for all the bytes that it stands for. So they need
 * not be whole numbers. Must not know how samples are taken, or how they are written.
 */

/** A call on a stack. Lines and columns count from 1; 0 where V8 does not know. */
export interface Frame {
  /** Its name, with its class where it has one; "" for one without a name. */
  readonly function: string;
  /** A path or a URL, through source maps where Node has them on; "" for code that has no file. */
  readonly file: string;
  /** From 1; 0 where it is not known. */
  readonly line: number;
  /** From 1; 0 where it is not known. */
  readonly column: number;
}

/** All that was allocated by one stack. Estimates, in bytes and in blocks. */
export interface Sample {
  /** Innermost call first; heapwright's own calls are left out but for the one that the program made. */
  readonly stack: readonly Frame[];
  /** Bytes since the start. */
  readonly allocatedBytes: number;
  /** Blocks since the start. */
  readonly allocatedCount: number;
  /** Of these bytes, what was not freed when the profile was made. */
  readonly liveBytes: number;
  /** Of these blocks, what was not freed when the profile was made. */
  readonly liveCount: number;
}

/** A profile of one thread, as plain data: it can be kept, sent and written as JSON. */
export interface ProfileData {
  /** Mean distance of two samples in bytes. */
  readonly every: number;
  /** When sampling began, in milliseconds since 1970. */
  readonly startTime: number;
  /** How long it went on. */
  readonly durationMs: number;
  /** One for each stack; those with most live bytes first. */
  readonly samples: readonly Sample[];
}
