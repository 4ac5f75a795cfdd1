/**
 * A simulated operating system over an ordinary ArrayBuffer, for testing what stands on `Os` without koffi.
 *
 * Owns a program break, a list of mappings with real bookkeeping, and the bytes under the one view it hands out. It
 * is as strict as the kernel and stricter: a mapping over another is refused, so is unmapping or discarding what is
 * not mapped, pages that were unmapped read as garbage, and fresh or discarded ones as zero. Every call is counted,
 * and each kind can be switched off. Must not know blocks or segments.
 */
import { roundUp } from "../../src/memory/memory.js";
import { FAILED, type Os } from "../../src/platform/os.js";
import { FakeThreads } from "./fake-threads.js";

export const PAGE = 4096;
export const MIB = 2 ** 20;
/** What unmapped memory reads as here, where real memory would end the process. */
export const GARBAGE = 0xdb;
/** The break is not at the start of a page, as it mostly is not in a fresh process. */
const BREAK = 0x10_0000_1230;
/** Where the stack lies: no address space ends without a mapping. */
const STACK: Range = [0x7ffd_0000_0000, 0x7ffd_0010_0000];

export type Call =
  | "moveBreak"
  | "map"
  | "guard"
  | "couldMap"
  | "unmap"
  | "resizeInPlace"
  | "move"
  | "discard"
  | "useSmallPages"
  | "seal"
  | "barrier"
  | "randomize"
  | "mappings"
  | "view";

export interface FakeOptions {
  /** Bytes per page: PAGE unless said otherwise. */
  readonly pageSize?: number;
  /** Bytes that one view may cover. */
  readonly viewLimit?: number;
  /** Where the break is; far above 2 GiB unless said otherwise. */
  readonly breakAt?: number;
  readonly mayMoveBreak?: boolean;
  readonly countsReservations?: boolean;
  /** Most bytes that the break accepts at once. */
  readonly breakRoom?: number;
  readonly dataLimit?: number;
  readonly addressSpaceLimit?: number;
  /** Which word of a mutex tells its holder: 0, or 1 as with musl. */
  readonly mutexWord?: number;
  /** What the view is over, all zero; a new one unless said otherwise. */
  readonly buffer?: ArrayBuffer;
}

type Range = readonly [number, number];

export class FakeOs implements Os {
  readonly pageSize: number;
  readonly viewLimit: number;
  readonly mayMoveBreak: boolean;
  readonly countsReservations: boolean;
  /** Who runs, and who died: see there. */
  readonly threads: FakeThreads;
  /** Where there are no huge pages. */
  readonly smallPages: Range[] = [];
  /** Calls refused from now on. */
  readonly refused = new Set<Call>();
  readonly #calls = new Map<Call, number>();
  readonly #options: FakeOptions;
  #break: number;
  /** Mapped ranges, ascending, never touching one another. */
  #mapped: Range[] = [STACK];
  /** Ranges under the view that were unmapped once and so hold garbage. */
  #stale: Range[] = [];
  #base = 0;
  #bytes = new Uint8Array(0);

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.pageSize = options.pageSize ?? PAGE;
    this.#break = options.breakAt ?? BREAK;
    this.viewLimit = options.viewLimit ?? 64 * MIB;
    this.mayMoveBreak = options.mayMoveBreak ?? true;
    this.countsReservations = options.countsReservations ?? false;
    const wordsAt = (address: number) => new Int32Array(this.#bytes.buffer, address - this.#base, 12);
    this.threads = new FakeThreads(wordsAt, options.mutexWord);
  }

  /** How often a call was made, refused ones included. */
  count(call: Call): number {
    return this.#calls.get(call) ?? 0;
  }

  /** Whether every byte of the range is mapped. */
  isMapped(address: number, bytes: number): boolean {
    return this.#mapped.some(([start, end]) => start <= address && address + bytes <= end);
  }

  currentBreak(): number {
    return this.#break;
  }

  moveBreak(bytes: number): number {
    const start = this.#break;
    const beyond = bytes > (this.#options.breakRoom ?? Number.POSITIVE_INFINITY);
    if (this.#refuses("moveBreak") || beyond || !this.mayMoveBreak) return FAILED;
    if (!this.#isFree(start, start + bytes)) return FAILED;
    this.#break = start + bytes;
    this.#add(start - (start % this.pageSize), roundUp(this.#break, this.pageSize));
    return start;
  }

  map(address: number, bytes: number): number {
    if (this.#refuses("map")) return FAILED;
    return this.#mapFresh(address, bytes);
  }

  openPages(): never {
    throw new Error("not simulated");
  }

  guard(address: number, bytes: number): number {
    if (this.#refuses("guard")) return FAILED;
    return this.#mapFresh(address, bytes);
  }

  couldMap(): boolean {
    return !this.#refuses("couldMap");
  }

  unmap(address: number, bytes: number): boolean {
    this.#checkPages("unmap", address, bytes);
    if (this.#refuses("unmap") || !this.isMapped(address, bytes)) return false;
    this.#drop(address, address + bytes);
    return true;
  }

  resizeInPlace(address: number, oldBytes: number, newBytes: number): boolean {
    this.#checkPages("resizeInPlace", address, newBytes);
    if (this.#refuses("resizeInPlace") || !this.isMapped(address, oldBytes)) return false;
    if (newBytes <= oldBytes) this.#drop(address + newBytes, address + oldBytes);
    else return this.#mapFresh(address + oldBytes, newBytes - oldBytes) !== FAILED;
    return true;
  }

  move(address: number, oldBytes: number, newBytes: number, target: number): boolean {
    this.#checkPages("move", target, newBytes);
    if (this.#refuses("move") || !this.isMapped(address, oldBytes)) return false;
    if (address < target + newBytes && target < address + oldBytes) return false;
    if (this.isMapped(target, newBytes)) this.#drop(target, target + newBytes);
    if (this.#mapFresh(target, newBytes) === FAILED) return false;
    const from = address - this.#base;
    this.#bytes.copyWithin(target - this.#base, from, from + Math.min(oldBytes, newBytes));
    this.#drop(address, address + oldBytes);
    return true;
  }

  discard(address: number, bytes: number): boolean {
    this.#checkPages("discard", address, bytes);
    if (this.#refuses("discard") || !this.isMapped(address, bytes)) return false;
    this.#fill(address, address + bytes, 0);
    return true;
  }

  useSmallPages(address: number, bytes: number): void {
    this.#checkPages("useSmallPages", address, bytes);
    if (!this.#refuses("useSmallPages")) this.smallPages.push([address, address + bytes]);
  }

  barrier(): boolean {
    return !this.#refuses("barrier");
  }

  seal(address: number, bytes: number): boolean {
    this.#checkPages("seal", address, bytes);
    return !this.#refuses("seal") && this.isMapped(address, bytes);
  }

  randomize(address: number, bytes: number): boolean {
    if (this.#refuses("randomize")) return false;
    const from = address - this.#base;
    for (let i = from; i < from + bytes; i++) this.#bytes[i] = Math.random() * 256;
    return true;
  }

  resourceLimit(which: "data" | "addressSpace"): number {
    const { dataLimit, addressSpaceLimit } = this.#options;
    return (which === "data" ? dataLimit : addressSpaceLimit) ?? Number.POSITIVE_INFINITY;
  }

  mappings(): ReadonlyArray<Range> {
    return this.#refuses("mappings") ? [] : [...this.#mapped];
  }

  /** Threads of a simulation meet in the object that they are given. */
  peek(): null {
    return null;
  }

  copyUnchecked(): { readable: number; copied: number } {
    return { readable: Number.NaN, copied: Number.NaN };
  }

  share(): boolean {
    return false;
  }

  /** The first call decides where the bytes lie; there is one view per process here. */
  view(address: number, bytes: number): ArrayBuffer {
    if (bytes > this.viewLimit) throw new Error(`a view of ${bytes} bytes would abort the process`);
    if (this.#refuses("view")) throw new Error("External buffers are not allowed");
    this.#base = address;
    const buffer = this.#options.buffer ?? new ArrayBuffer(bytes);
    this.#bytes = new Uint8Array(buffer);
    return buffer;
  }

  #refuses(call: Call): boolean {
    this.#calls.set(call, this.count(call) + 1);
    return this.refused.has(call);
  }

  #mapFresh(address: number, bytes: number): number {
    this.#checkPages("map", address, bytes);
    if (!this.#isFree(address, address + bytes)) return FAILED;
    this.#add(address, address + bytes);
    return address;
  }

  #checkPages(call: string, address: number, bytes: number): void {
    const whole = address % this.pageSize === 0 && bytes % this.pageSize === 0 && bytes > 0;
    if (!whole) throw new Error(`${call}: ${bytes} bytes at 0x${address.toString(16)} are not whole pages`);
  }

  #isFree(start: number, end: number): boolean {
    return this.#mapped.every(([from, to]) => to <= start || end <= from);
  }

  #add(start: number, end: number): void {
    if (this.#stale.some(([from, to]) => from < end && start < to)) this.#fill(start, end, 0);
    this.#mapped = merged([...this.#mapped, [start, end]]);
  }

  #drop(start: number, end: number): void {
    if (start === end) return;
    this.#mapped = without(this.#mapped, start, end);
    this.#stale = merged([...this.#stale, [start, end]]);
    this.#fill(start, end, GARBAGE);
  }

  /** Only what lies under the view has bytes. */
  #fill(start: number, end: number, byte: number): void {
    const limit = this.#bytes.length;
    const from = Math.min(limit, Math.max(0, start - this.#base));
    this.#bytes.fill(byte, from, Math.min(limit, Math.max(0, end - this.#base)));
  }
}

/** The ranges in order, with those that touch made one. */
function merged(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((one, other) => one[0] - other[0]);
  const result: Range[] = [];
  for (const [start, end] of sorted) {
    const last = result.at(-1);
    if (last !== undefined && last[1] >= start) result[result.length - 1] = [last[0], Math.max(last[1], end)];
    else result.push([start, end]);
  }
  return result;
}

function without(ranges: readonly Range[], start: number, end: number): Range[] {
  const result: Range[] = [];
  for (const [from, to] of ranges) {
    if (from < Math.min(to, start)) result.push([from, Math.min(to, start)]);
    if (Math.max(from, end) < to) result.push([Math.max(from, end), to]);
  }
  return result;
}
