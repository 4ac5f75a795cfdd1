/**
 * Hooks for tracers, and for tools that follow the lives of blocks. Owns their types and the names of the steps.
 *
 * Fast paths do not read them, so what is off costs nothing: while one is set, the fast paths fail (heap/heap.ts), and the
 * slow paths do all the work and call it. inspect/observers.ts says who is called.
 */

/**
 * A step of the heap: calls of the program; `split` of a block, and `coalesce` with the free block above (forward) or below
 * (backward); more address space (`grow`), or less (`shrink`); calls of the kernel for large blocks; and pages that are given back
 * (`purge`).
 */
export type TraceStep =
  | "malloc"
  | "calloc"
  | "aligned"
  | "realloc"
  | "free"
  | "split"
  | "coalesce forward"
  | "coalesce backward"
  | "grow"
  | "shrink"
  | "mmap"
  | "mremap"
  | "munmap"
  | "purge";

export type TraceSink = (step: TraceStep, address: number, size: number) => void;

/**
 * Keeps watch over blocks while a program is debugged: in the middle of updates, so it must not use the heap. It begins before the
 * first block is allocated, and stays.
 */
export interface Guard {
  /** A block was made, or has a new size; `usable` bytes of which the program asked for `size`. */
  born(pointer: number, usable: number, size: number): void;
  /** A block is about to be freed. Throws when it was overrun: then it stays. Returns whether it is to be kept aside, if it may be. */
  dies(pointer: number, usable: number, mayHold: boolean): boolean;
  /** A block was kept aside: nobody else can free it or have it any more. */
  held(pointer: number, usable: number): void;
  /** Blocks are about to end with their Heap, whole or not. */
  ends(blocks: Iterable<readonly [pointer: number, usable: number]>): void;
  /** Bytes of a block that the program asked for. Throws when that was overwritten. */
  sizeOf(pointer: number, usable: number): number;
  /** A block that is whole is about to be resized; if it is not born or freed then, that was cut off. */
  resizes(pointer: number): void;
  /** Throws unless the bytes lie in a live block. Outside of updates. */
  allows(operation: string, pointer: number, byteOffset: number, bytes: number): void;
  /** The error for an access to memory that the heap no longer has, if a block was there that is remembered; else null. */
  freedAt(operation: string, address: number, bytes: number): Error | null;
  /** Bytes from an address to the end of what the program has of the live block there; 0 outside of all. Outside of updates. */
  roomAt(address: number): number;
  /** What is known of a block that a pointer was one's of, for an error; "" for nothing. */
  storyOf(pointer: number): string;
  /** Throws when a block was overrun, or one that is kept aside was written to. Outside of updates. */
  verify(): void;
}

/**
 * Counts what a thread allocates, and is told of an allocation now and then. Unlike a tracer it leaves the fast path of free as
 * it is, and that of malloc nearly so (heap/sampling.ts).
 */
export interface AllocationSampler {
  /** An update begins. */
  enter(): void;
  /** A block was allocated, which the fast path may have counted in this update. In the middle of it, so it must not use the heap. */
  allocated(pointer: number, size: number): void;
  /** The fast path gave a block out where one that was sampled may have been: that is dead. */
  reused(pointer: number): void;
}

/**
 * Blocks that have pages of their own between pages that may not be accessed, in one range of the window. A sample of all: one that
 * is due is taken instead of one of the heap.
 */
export interface Slots {
  /** Whether an address lies in the range. */
  covers(address: number): boolean;
  /** A new block of zeroes if one is due and there is room; else 0. Within an update. */
  take(size: number): number;
  /** Counts a block that cannot be here. */
  pass(size: number): void;
  /** Bytes of the live block there, as requested; else UNKNOWN or FREED. */
  sizeOf(pointer: number): number;
  /** Frees the block there; UNKNOWN or FREED when there is none. Throws when it was overrun: then it stays. Within an update. */
  free(pointer: number): number;
  /** Throws when one of both lies in the range, the pointer or where it leads, and not all of the bytes in a live block. */
  allows(operation: string, pointer: number, byteOffset: number, bytes: number): void;
  /** Bytes from an address of the range to the end of the live block there; 0 outside of all. */
  roomAt(address: number): number;
  /** What is known of a block that a pointer was one's of, for an error; "" for nothing. */
  storyOf(pointer: number): string;
  /** Throws when the live block there was overrun. Within an update. */
  verify(pointer: number): void;
  /** The live blocks. */
  live(): ReadonlyArray<{ readonly pointer: number; readonly size: number }>;
  /** The large block that the range is. */
  readonly pool: number;
}

export interface Hooks {
  /** Called at the end of a call into the heap, when the heap may be used. */
  afterCall: (() => void) | null;
  /**
   * Called at each step, in the middle of updates, so it must not use the heap. The address is that of a payload, a page or
   * a mapping; the size is in bytes.
   */
  trace: TraceSink | null;
  guard: Guard | null;
  sampler: AllocationSampler | null;
  slots: Slots | null;
  /** The prototype that a Heap gets so that its fast path counts; null while none does. */
  counting: object | null;
}

export function noHooks(): Hooks {
  return { trace: null, afterCall: null, guard: null, sampler: null, slots: null, counting: null };
}
