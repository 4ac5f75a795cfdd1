/**
 * Reaching memory: one double read or written, a struct's field, and a walk over records, as each contestant does it;
 * timed by tinybench like pair.ts, an iteration being a loop over all RECORDS records.
 *
 * Before a struct is timed, other structs are used: V8 shares what it learns about accessors between all of them, and
 * a program with a single struct would look better than most.
 */
import { calloc, read, struct, write } from "../src/index.js";
import { type TimedOptions, timed } from "./timed.js";

/** 120,000 bytes: below the threshold of a mapping of its own. */
const RECORDS = 5_000;
const LEAST_PASSES = 5;
const OTHER_STRUCTS = 8;
const OTHER_USES = 20_000;

/** Where sums go, exported so that no read can be optimized away. */
export let sink = 0;

const Point = struct({ x: "f64", y: "f64", tag: "u8" });
const Line = struct({ from: Point, to: Point });
const STRIDE = Point.size;

const pointer = calloc(RECORDS, STRIDE);
/** Where large blocks lie, which from Node 22 on is far (src/access/place.ts). */
const mapped = calloc(8 * RECORDS, STRIDE);
const points = Point.array(RECORDS, pointer);
const mappedPoints = Point.array(RECORDS, mapped);
const point = Point.at(pointer);
const line = Line.at(pointer);
const plain = new DataView(new ArrayBuffer(RECORDS * STRIDE));
const doubles = new Float64Array(plain.buffer);

/** What is timed, by workload and contestant. */
const contestants: Record<string, () => void> = {
  "read: heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += read.f64(pointer, i * STRIDE);
    sink = sum;
  },
  "read: DataView": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += plain.getFloat64(i * STRIDE, true);
    sink = sum;
  },
  "read: Float64Array": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += doubles[i * 3]!;
    sink = sum;
  },
  "write: heapwright": () => {
    for (let i = 0; i < RECORDS; i++) write.f64(pointer, i, i * STRIDE);
  },
  "write: DataView": () => {
    for (let i = 0; i < RECORDS; i++) plain.setFloat64(i * STRIDE, i, true);
  },
  "write: Float64Array": () => {
    for (let i = 0; i < RECORDS; i++) doubles[i * 3] = i;
  },
  "field: heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += point.y;
    sink = sum;
  },
  "field: DataView": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += plain.getFloat64(8, true);
    sink = sum;
  },
  "field: Float64Array": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += doubles[1]!;
    sink = sum;
  },
  "field: read.f64": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += read.f64(pointer, 8);
    sink = sum;
  },
  "set field: heapwright": () => {
    for (let i = 0; i < RECORDS; i++) point.y = i;
  },
  "set field: DataView": () => {
    for (let i = 0; i < RECORDS; i++) plain.setFloat64(8, i, true);
  },
  "set field: write.f64": () => {
    for (let i = 0; i < RECORDS; i++) write.f64(pointer, i, 8);
  },
  "nested field: heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += line.to.y;
    sink = sum;
  },
  "read, large block: heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += read.f64(mapped, i * STRIDE);
    sink = sum;
  },
  "walk, large block: heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += mappedPoints.at(i).x;
    sink = sum;
  },
  "walk, for of: heapwright": () => {
    let sum = 0;
    for (const each of points) sum += each.x;
    sink = sum;
  },
  "walk, at(i): heapwright": () => {
    let sum = 0;
    for (let i = 0; i < RECORDS; i++) sum += points.at(i).x;
    sink = sum;
  },
  "walk, cursor: heapwright": () => {
    let sum = 0;
    const cursor = points.at(0);
    for (let i = 0; i < RECORDS; i++) {
      cursor.pointer = points.pointerAt(i);
      sum += cursor.x;
    }
    sink = sum;
  },
};

/** Times one contestant in this process: ns per access, the median iteration. */
export function measureAccess(name: string, options: TimedOptions): number {
  const pass = contestants[name];
  if (pass === undefined) throw new Error(`no contestant "${name}"`);
  useOtherStructs();
  return timed(name, pass, options, LEAST_PASSES).median / RECORDS;
}

function useOtherStructs(): void {
  for (let k = 0; k < OTHER_STRUCTS; k++) {
    const Other = struct({ x: "i32", y: "f32", point: Point, to: ["u16", 4], last: ["u8", k + 1] });
    const others = Other.array(10);
    const one = others.at(0);
    for (let i = 0; i < OTHER_USES; i++) {
      one.x += 1;
      one.y = one.x;
      one.point.y = one.to.get(i & 3);
      one.pointer = others.pointerAt(i % 10);
      sink = one.y + others.at(i % 10).x;
    }
    for (let i = 0; i < OTHER_USES / 10; i++) for (const each of others) sink = each.x;
  }
}
