/**
 * A ring of pointers in a SharedArrayBuffer, from one thread to one other: only the pointers travel.
 *
 * The places are ordinary memory; the two counters are written with Atomics.store after them and read with Atomics.load
 * before them, which makes what a pointer points to visible to whoever gets the pointer.
 */
import type { Pointer } from "../../src/index.js";

const PLACES = 1024;
// Counters on cache lines of their own: the two threads write them all the time.
const [SENT, TAKEN, START_BYTES] = [0, 16, 128] as const;
const NAP_MS = 1;
const PATIENCE_MS = 30_000;

export const RING_BYTES = START_BYTES + PLACES * 8;

export class Ring {
  readonly #counters: Int32Array;
  readonly #places: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory, 0, START_BYTES / 4);
    this.#places = new Float64Array(memory, START_BYTES, PLACES);
  }

  /** Whether there was room. For one thread only. */
  tryPut(pointer: Pointer): boolean {
    const sent = this.#counters[SENT]!;
    if (sent - Atomics.load(this.#counters, TAKEN) === PLACES) return false;
    this.#places[sent % PLACES] = pointer;
    Atomics.store(this.#counters, SENT, sent + 1);
    return true;
  }

  /** The next pointer, or null when there is none yet. For one other thread only. */
  tryTake(): Pointer | null {
    const taken = this.#counters[TAKEN]!;
    if (Atomics.load(this.#counters, SENT) === taken) return null;
    const pointer = this.#places[taken % PLACES] as Pointer;
    Atomics.store(this.#counters, TAKEN, taken + 1);
    return pointer;
  }

  put(pointer: Pointer): void {
    if (!this.tryPut(pointer)) this.#patiently(() => this.tryPut(pointer) || null);
  }

  take(): Pointer {
    return this.tryTake() ?? this.#patiently(() => this.tryTake());
  }

  /** Tries until it works, asleep in between. */
  #patiently<T>(attempt: () => T | null): T {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const result = attempt();
      if (result !== null) return result;
      if (performance.now() > deadline)
        throw new Error("the thread at the other end of the ring stands still");
      Atomics.wait(this.#counters, START_BYTES / 4 - 1, 0, NAP_MS);
    }
  }
}
