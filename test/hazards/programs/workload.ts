/**
 * A mixed workload whose contents are verified: every block is stamped over its whole length, and compared when it is
 * freed, resized and at the end. Small, medium and large sizes, all ways to allocate.
 */
import type * as Heapwright from "../../../src/index.js";
import { Random } from "../../support/seed.js";
import { type Live, Verifier } from "../../support/verifier.js";

export type Library = typeof Heapwright;

export interface WorkloadOptions {
  readonly seed: number;
  readonly steps: number;
  /** Blocks are freed as often as allocated once that many bytes live. */
  readonly liveBytes: number;
  readonly largest: number;
  /** Called after each step. */
  readonly afterStep?: () => void;
}

export interface WorkloadResult {
  readonly steps: number;
  /** Requests that were refused because memory was out; each left everything as it was. */
  readonly refused: number;
}

export class Workload {
  readonly verifier: Verifier;
  readonly #lib: Library;
  readonly #random: Random;
  readonly #options: WorkloadOptions;
  refused = 0;

  constructor(lib: Library, options: WorkloadOptions) {
    this.#lib = lib;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.verifier = new Verifier(options.seed, (pointer, bytes) =>
      lib.view(pointer as Heapwright.Pointer, bytes),
    );
  }

  run(): WorkloadResult {
    let step = 0;
    return this.runUntil(() => step++ === this.#options.steps);
  }

  runUntil(enough: () => boolean): WorkloadResult {
    let steps = 0;
    for (; !enough(); steps++) {
      this.#step();
      this.#options.afterStep?.();
    }
    this.verifier.verifyAll();
    this.#lib.check();
    return { steps, refused: this.refused };
  }

  freeAll(): void {
    while (this.verifier.count > 0) this.#free(this.verifier.blocks[0]!);
    this.#lib.check();
  }

  /** Frees about half of the blocks, without pattern. */
  freeHalf(): void {
    for (const block of this.verifier.blocks.slice()) if (this.#random.chance(0.5)) this.#free(block);
  }

  #step(): void {
    const crowded = this.verifier.usableBytes > this.#options.liveBytes;
    if (this.verifier.count > 0 && this.#random.chance(crowded ? 0.6 : 0.3)) this.#free(this.#any());
    else if (this.verifier.count > 0 && this.#random.chance(0.25)) this.#realloc(this.#any());
    else this.#allocate(this.#random.spread(1, this.#options.largest));
  }

  #any(): Live {
    return this.#random.pick(this.verifier.blocks);
  }

  #free(block: Live): void {
    this.verifier.remove(block);
    this.#lib.free(block.pointer as Heapwright.Pointer);
  }

  #allocate(size: number): void {
    const way = this.#random.int(0, 3);
    const alignment = 2 ** this.#random.int(4, 13);
    const pointer = this.#attempt(() => {
      if (way === 0) return this.#lib.calloc(1, size);
      return way === 1 ? this.#lib.alignedAlloc(alignment, size) : this.#lib.malloc(size);
    });
    if (pointer === null) return;
    if (way === 0) this.verifier.verifyZero(pointer, size);
    this.verifier.add(pointer, size, this.#lib.usableSize(pointer), way === 1 ? alignment : 16);
  }

  #realloc(block: Live): void {
    const size = this.#random.spread(1, this.#options.largest);
    const pointer = this.#attempt(() => this.#lib.realloc(block.pointer as Heapwright.Pointer, size));
    if (pointer === null) this.verifier.verify(block);
    else this.verifier.resize(block, pointer, size, this.#lib.usableSize(pointer));
  }

  #attempt(allocate: () => Heapwright.Pointer): Heapwright.Pointer | null {
    try {
      return allocate();
    } catch (error) {
      if (!(error instanceof this.#lib.HeapError) || error.code !== "ERR_OUT_OF_MEMORY") throw error;
      this.refused++;
      return null;
    }
  }
}
