/**
 * profile: which lines allocate how much, by sampling.
 *
 * Owns the samples of the calling thread. Must not know how they are written to a file.
 */
import { HeapError, rangeError, show, typeError } from "../errors.js";
import { internals } from "../index.js";
import { writeProfile } from "./formats/write.js";
import type { Frame, ProfileData, Sample } from "./profile-data.js";
import { Sampler } from "./sampler.js";
import { sharedState } from "./shared.js";
import { type Stack, Stacks } from "./stacks.js";

type AllocationSampler = NonNullable<Parameters<typeof internals.sample>[0]>;

/**
 * What was allocated from a start to an end, in the calling thread.
 *
 * @example
 * ```ts
 * import { mkdtempSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { free, malloc } from "heapwright";
 * import { profile } from "heapwright/debug";
 *
 * profile.start();
 * const block = malloc(10_000_000);
 * const made = profile.stop();
 * free(block);
 * const folder = mkdtempSync(join(tmpdir(), "profile-"));
 * made.write(join(folder, "app.heapprofile"));
 * console.log(made.every); // 524288
 * rmSync(folder, { recursive: true });
 * ```
 */
export class Profile implements ProfileData {
  /** Mean bytes from one sample to the next. */
  readonly every: number;
  /** When it began, in milliseconds since 1970. */
  readonly startTime: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** The estimates of each stack, the one with most live bytes first. */
  readonly samples: readonly Sample[];

  constructor({ every, startTime, durationMs, samples }: ProfileData) {
    this.every = every;
    this.startTime = startTime;
    this.durationMs = durationMs;
    this.samples = samples;
  }

  /**
   * Writes it as the file's ending says, as writeProfile() does: `.heapprofile`, `.allocated.heapprofile`, `.pb.gz` or `.html`.
   *
   * @throws HeapError as writeProfile()
   */
  write(file: string): void {
    writeProfile(this, file);
  }
}

/** What `profile.start()` takes. */
export interface ProfileOptions {
  /**
   * Mean bytes from one sample to the next. With 1 every block is sampled. By default 512 KiB, or so many more that samples take no more
   * than about a hundredth of the time.
   */
  readonly every?: number | undefined;
}

const { counting } = internals;

const EVERY = 512 * 1024;
const MOST = 2 ** 40;

/** The estimates of one stack. */
interface Place {
  readonly stack: readonly Frame[];
  allocatedBytes: number;
  allocatedCount: number;
  liveBytes: number;
  liveCount: number;
}

/** A sampled block that lives. */
interface Taken {
  readonly place: Place;
  readonly bytes: number;
  readonly weight: number;
}

/** A profile of the calling thread that is under way. */
class Recording implements AllocationSampler {
  readonly #sampler: Sampler;
  readonly #every: number;
  /** Whether samples may be rarer, to take less time. */
  readonly #isPaced: boolean;
  #lastSample = performance.now();
  /** What the fast path had counted when this update began: if it is more at the end, it has counted the block. */
  #counted = 0;
  readonly #startTime = Date.now();
  readonly #start = performance.now();
  readonly #places: Place[] = [];
  readonly #stacks = new Stacks((stack) => this.#placeOf(stack));
  readonly #live = new Map<number, Taken>();

  constructor(every: number | undefined) {
    this.#every = every ?? EVERY;
    this.#isPaced = every === undefined;
    this.#sampler = new Sampler(this.#every);
  }

  begin(): void {
    internals.sample(this, this.#sampler);
  }

  end(): void {
    internals.sample(null, this.#sampler);
  }

  enter(): void {
    this.#counted = counting.counted();
  }

  allocated(pointer: number, size: number): void {
    if (counting.counted() !== this.#counted) return;
    if (counting.known[counting.placeOf(pointer)] !== 0) this.reused(pointer);
    const bytes = counting.countedFor(size);
    if (!counting.countDown(bytes)) {
      counting.wind();
      if (this.#sampler.takes(bytes)) this.#take(pointer, size);
      counting.wind();
    }
    this.enter(); // an update may allocate twice
  }

  reused(pointer: number): void {
    const taken = this.#live.get(pointer);
    if (taken === undefined) return;
    this.#live.delete(pointer);
    counting.known[counting.placeOf(pointer)]!--; // or the fast path would ask here again and again
    taken.place.liveBytes -= taken.bytes * taken.weight;
    taken.place.liveCount -= taken.weight;
  }

  data(): Profile {
    for (const [address, { bytes }] of [...this.#live])
      if (internals.liveBytes(address) < bytes) this.reused(address);
    const samples: Sample[] = this.#places.map((place) => ({ ...place }));
    samples.sort((a, b) => b.liveBytes - a.liveBytes || b.allocatedBytes - a.allocatedBytes);
    const durationMs = performance.now() - this.#start;
    return new Profile({ every: this.#every, startTime: this.#startTime, durationMs, samples });
  }

  #take(address: number, bytes: number): void {
    const place = this.#stacks.here();
    const weight = this.#sampler.weightOf(counting.countedFor(bytes));
    const now = performance.now();
    if (this.#isPaced) this.#sampler.pace(now - this.#lastSample);
    this.#lastSample = now;
    this.#live.set(address, { place, bytes, weight });
    counting.known[counting.placeOf(address)]!++;
    place.allocatedBytes += bytes * weight;
    place.allocatedCount += weight;
    place.liveBytes += bytes * weight;
    place.liveCount += weight;
  }

  /** With what the program called as the innermost frame. */
  #placeOf({ via, frames }: Stack): Place {
    const called: Frame = { function: via, file: "", line: 0, column: 0 };
    const stack = via === "" ? frames : [called, ...frames];
    const place = { stack, allocatedBytes: 0, allocatedCount: 0, liveBytes: 0, liveCount: 0 };
    this.#places.push(place);
    return place;
  }
}

const state = sharedState<{ recording: Recording | null }>("profile", () => ({ recording: null }));

/**
 * Finds out which lines allocate how much, by sampling: of the calling thread, from `start()` to `stop()`. One block is sampled for
 * about every 512 KiB, or `every`, that are allocated, so sums are estimates. They are unbiased, and their relative error is about 1
 * divided by the square root of the number of samples: 10 % for what has 100 of them, that is 50 MiB. A realloc that needs other
 * memory counts as a free and an allocation.
 *
 * `stop()` returns what was allocated since the start, and what of it is live, by stack; `snapshot()` the same without an end. A
 * program that leaks shows it in what is live, one that makes much garbage in what was allocated.
 *
 * While it is on, the fast path of malloc counts bytes, and that of free is as ever: a pair takes one or two ns more, and a sample
 * some 10 µs. V8 inlines so much and no more into one function: in one that calls much besides, free may then be a call, and a call of the
 * recorded programs took up to 3 ns more, of 13 to 20. Switching it on or off has V8 compile the program's calls again. Off it costs nothing.
 *
 * @throws HeapError ERR_INVALID_ARG for a wrong `every`; ERR_INVALID_STATE for a start while it is on, or a stop while it is
 *   not; ERR_UNSUPPORTED_PLATFORM where there is no heap
 * @example
 * ```ts
 * import { free, malloc } from "heapwright";
 * import { profile } from "heapwright/debug";
 *
 * profile.start({ every: 1 });
 * for (let i = 0; i < 10; i++) free(malloc(100));
 * const block = malloc(50);
 * const { samples } = profile.stop();
 * const sum = (of: (sample: (typeof samples)[number]) => number) => Math.round(samples.reduce((a, s) => a + of(s), 0));
 * console.log(sum((sample) => sample.allocatedBytes), sum((sample) => sample.liveBytes)); // 1050 50
 * free(block);
 * ```
 */
export const profile = {
  /** Begins. */
  start(options: ProfileOptions = {}): void {
    if (internals.unusable !== null) throw internals.unusable;
    const every = checkedEvery(options);
    if (state.recording !== null) {
      throw new HeapError("ERR_INVALID_STATE", "profile.start: a profile is under way; stop it first");
    }
    const recording = new Recording(every);
    recording.begin();
    state.recording = recording;
  },

  /** Ends. */
  stop(): Profile {
    const recording = underWay("stop");
    recording.end();
    state.recording = null;
    return recording.data();
  },

  /** What there is so far; it goes on. */
  snapshot(): Profile {
    return underWay("snapshot").data();
  },

  /** Whether it is under way in this thread. */
  get isOn(): boolean {
    return state.recording !== null;
  },
} as const;

function underWay(operation: string): Recording {
  if (state.recording !== null) return state.recording;
  throw new HeapError("ERR_INVALID_STATE", `profile.${operation}: no profile is under way; start one first`);
}

/** undefined where it is left to the profile. */
function checkedEvery(options: unknown): number | undefined {
  if (typeof options !== "object" || options === null)
    throw typeError("ERR_INVALID_ARG", `profile.start: give an object of options, got ${show(options)}`);
  const unknown = Object.keys(options).find((name) => name !== "every");
  if (unknown !== undefined)
    throw typeError("ERR_INVALID_ARG", `profile.start: there is no option ${show(unknown)}, only every`);
  const { every } = options as ProfileOptions;
  if (every === undefined) return every;
  if (typeof every !== "number")
    throw typeError("ERR_INVALID_ARG", `profile.start: every must be a number of bytes, got ${show(every)}`);
  if (!Number.isSafeInteger(every) || every < 1 || every > MOST)
    throw rangeError(
      "ERR_INVALID_ARG",
      `profile.start: every must be a whole number of bytes from 1 to 2^40, got ${show(every)}`,
    );
  return every;
}
