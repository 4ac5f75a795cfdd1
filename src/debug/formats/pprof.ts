/**
 * `.pb.gz`: a profile in the format of pprof, gzipped.
 *
 * Encoded by pprof-format, an optional peer of this package: it is loaded when such a file is asked for.
 */
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { HeapError } from "../../errors.js";
import type { Frame, ProfileData, Sample } from "../profile-data.js";
import { keyOf } from "./tree.js";

type Pprof = typeof import("pprof-format");

/** As Go's heap profiles name and order them, which pprof knows: the sums of a sample. */
const SUMS = [
  ["alloc_objects", "count", "allocatedCount"],
  ["alloc_space", "bytes", "allocatedBytes"],
  ["inuse_objects", "count", "liveCount"],
  ["inuse_space", "bytes", "liveBytes"],
] as const;
const NANOSECONDS_PER_MS = 1_000_000;

export function pprofOf(data: ProfileData): Uint8Array {
  const { Profile, StringTable, ValueType } = loadPprof("writeProfile");
  const strings = new StringTable();
  const type = (name: string, unit: string) =>
    new ValueType({ type: strings.dedup(name), unit: strings.dedup(unit) });
  const places = new Places(strings);
  const profile = new Profile({
    sampleType: SUMS.map(([name, unit]) => type(name, unit)),
    sample: data.samples.map((sample) => ({
      locationId: sample.stack.map((frame) => places.at(frame)),
      value: valuesOf(sample),
    })),
    location: places.locations,
    function: places.functions,
    stringTable: strings,
    timeNanos: BigInt(Math.round(data.startTime)) * BigInt(NANOSECONDS_PER_MS),
    durationNanos: Math.round(data.durationMs * NANOSECONDS_PER_MS),
    periodType: type("space", "bytes"),
    period: data.every,
    defaultSampleType: strings.dedup("inuse_space"),
  });
  return gzipSync(profile.encode());
}

function valuesOf(sample: Sample): number[] {
  return SUMS.map(([, , sum]) => Math.round(sample[sum]));
}

/** @throws HeapError ERR_INVALID_STATE where the package is not installed; `operation` is what its message begins with */
export function loadPprof(operation: string): Pprof {
  try {
    return createRequire(import.meta.url)("pprof-format");
  } catch (error) {
    const why =
      "a .pb.gz is written by the package pprof-format, which is not there; npm install pprof-format, or write";
    throw new HeapError("ERR_INVALID_STATE", `${operation}: ${why} a .heapprofile or .html`, {
      cause: error,
    });
  }
}

/** Calls and functions by number, each once. */
class Places {
  readonly locations: { id: number; line: { functionId: number; line: number; column: number }[] }[] = [];
  readonly functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  readonly #strings: InstanceType<Pprof["StringTable"]>;
  readonly #known = new Map<string, number>();

  constructor(strings: InstanceType<Pprof["StringTable"]>) {
    this.#strings = strings;
  }

  at(frame: Frame): number {
    return this.#number(`place ${keyOf(frame)}`, () => {
      const { line, column } = frame;
      const id = this.locations.length + 1;
      this.locations.push({ id, line: [{ functionId: this.#functionOf(frame), line, column }] });
      return id;
    });
  }

  #functionOf({ function: called, file }: Frame): number {
    return this.#number(`function ${keyOf({ function: called, file, line: 0, column: 0 })}`, () => {
      const name = this.#strings.dedup(called || "(anonymous)");
      const id = this.functions.length + 1;
      this.functions.push({ id, name, systemName: name, filename: this.#strings.dedup(file) });
      return id;
    });
  }

  #number(key: string, make: () => number): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}
