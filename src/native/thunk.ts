/**
 * Function pointers that C may call for as long as the process lives.
 *
 * C gets a stub: a few instructions that load a key, which names the allocator and the function, and jump to `call`
 * (x64.ts, arm64.ts). `call` reads words in raw memory and needs no JavaScript:
 *
 *   - If the allocator was disposed of, or its thread has ended: it counts a late call and returns a failure (NULL; ENOMEM
 *     from posix_memalign). V8, koffi and its callbacks may be unmapped by then.
 *   - In the allocator's thread: it calls koffi's callback. When a callback does not return, for the worker is terminated
 *     or JavaScript's stack is full, koffi 3.3.4 leaves the result register as it was, and C would take that for a block.
 *     So the callback is `void` and writes its result to an address, which has a failure until then.
 *   - In another thread: it pushes a request on a list, writes a byte to the wake pipe if the list was empty, and sleeps
 *     until the allocator's thread has answered, or has ended. koffi's own calls from other threads are not used: one that
 *     is under way while the thread ends calls into freed memory, or waits forever.
 *
 * The key is 16 times the row of the allocator, plus the index of the function. A request is on the caller's stack:
 *
 *   0      8   16  24  32  40       48    52     56
 *   | next | a | b | c | d | result | key | done | caller |
 *
 *   done      1 when there is a result; a futex
 *   caller    return address of the call
 *
 * Words of a thread. `close` gets their address as its one argument, for that is what cleanup hooks have:
 *
 *   0        4        8       16         24     32        48   64
 *   | closed | inside | owner | requests | pipe | timeout | -- | 16 times: callback, failure |
 *
 *   closed    1 once the thread has ended
 *   inside    calls of other threads that may still write to the pipe; if there are any, `close` leaves it open
 *   owner     the thread pointer (fs:0, tpidr_el0)
 *   requests  the newest request; 0 for none
 *   pipe      the writing end of the wake pipe
 *   timeout   a timespec: callers look at `closed` so often
 *
 * Words of a row: | open | late |; late counts the calls after dispose().
 *
 * Owns these words, and their pages and the code's. A page of code is never writable and executable at once. Pages stay
 * mapped and rows are not reused, for C may keep a pointer. Must not know what is called.
 */
import { arm64 } from "./arm64.js";
import { codeOf, type MachineCode, type Processor } from "./machine-code.js";
import { x64 } from "./x64.js";

/** Pages from the system. Addresses are numbers. */
export interface Pages {
  /** Maps PAGE_BYTES of writable zeroes; a negative number when refused. */
  map(): number;
  /** Makes the page executable and no longer writable; false when refused. */
  makeExecutable(page: number): boolean;
  unmap(page: number): void;
  view(page: number): ArrayBuffer;
}

export const PAGE_BYTES = 4096;
/** Offsets in a request. */
export const Request = { next: 0, arguments: 8, result: 40, key: 48, caller: 56 } as const;
const FUNCTIONS = 16;
const STUB_BYTES = 16;
const THREAD_WORDS = { owner: 8, pipe: 24, timeoutNanoseconds: 40, functions: 64 } as const;
const ROWS = 512; // offset of the rows in a page of words; on the first page the thread's words are below
const ROW_BYTES = 8;
const TIMEOUT_NANOSECONDS = 10_000_000;

/** Routines in the listing that koffi calls; callbacks.ts says what they do. */
export type Routine = "finish" | "put" | "take" | "self" | "close";

/** A page with the code, the stubs of some rows, and their words. */
interface CodePage {
  readonly code: number;
  readonly firstStub: number;
  readonly words: Uint32Array;
}

/** Function pointers of one thread. */
export class Thunks {
  /** The address of the thread's words. */
  readonly thread: number;
  readonly #pages: Pages;
  readonly #processor: Processor;
  readonly #codePages: CodePage[] = [];
  readonly #rowsPerPage: number;
  readonly #routines: ReadonlyMap<string, number>;
  readonly #threadWords: BigUint64Array;
  #rows = 0;

  private constructor(pages: Pages, processor: Processor, words: number, code: MachineCode) {
    this.#pages = pages;
    this.#processor = processor;
    this.thread = words;
    this.#routines = code.labels;
    this.#rowsPerPage = Math.floor((PAGE_BYTES - stubsAfter(code)) / (FUNCTIONS * STUB_BYTES));
    this.#threadWords = new BigUint64Array(pages.view(words));
    this.#threadWords[THREAD_WORDS.timeoutNanoseconds / 8] = BigInt(TIMEOUT_NANOSECONDS);
  }

  /** null when the system gives no executable memory. */
  static make(pages: Pages, arch: string = process.arch): Thunks | null {
    const processor = arch === "arm64" ? arm64 : x64;
    const words = pages.map();
    if (words < 0) return null;
    const thunks = new Thunks(pages, processor, words, codeOf(processor.listing, { THREAD: 0, ROWS: 0 }));
    return thunks.#addCodePage(words) ? thunks : null;
  }

  /** Sets the thread that is called directly, and the pipe that others write to. */
  belongsTo(owner: number, pipe: number): void {
    this.#threadWords[THREAD_WORDS.owner / 8] = BigInt(owner);
    this.#threadWords[THREAD_WORDS.pipe / 8] = BigInt.asUintN(32, BigInt(pipe));
  }

  /** The address of a routine. */
  routine(name: Routine): number {
    return this.#codePages[0]!.code + this.#routines.get(name)!;
  }

  /** Sets the callback of a function, and the result of calls in which it writes none. */
  define(index: number, callback: bigint, failure: number): void {
    const at = THREAD_WORDS.functions / 8 + index * 2;
    this.#threadWords[at + 1] = BigInt(failure);
    this.#threadWords[at] = callback;
  }

  isDefined(index: number): boolean {
    return this.#threadWords[THREAD_WORDS.functions / 8 + index * 2] !== 0n;
  }

  /** Opens a new row; -1 without memory. */
  open(): number {
    const row = this.#rows;
    if (row === this.#codePages.length * this.#rowsPerPage && !this.#addCodePage(this.#pages.map()))
      return -1;
    this.#rows++;
    const { words, index } = this.#find(row);
    words[index] = 1;
    return row;
  }

  /** Calls of the row fail from now on. */
  close(row: number): void {
    const { words, index } = this.#find(row);
    words[index] = 0;
  }

  /** Calls of the row after close(). */
  late(row: number): number {
    const { words, index } = this.#find(row);
    return Atomics.load(words, index + 1);
  }

  countLate(row: number): void {
    const { words, index } = this.#find(row);
    Atomics.add(words, index + 1, 1);
  }

  /** The address of a stub. */
  address(row: number, index: number): number {
    const { code, firstStub } = this.#codePages[Math.floor(row / this.#rowsPerPage)]!;
    return code + firstStub + ((row % this.#rowsPerPage) * FUNCTIONS + index) * STUB_BYTES;
  }

  #find(row: number): { words: Uint32Array; index: number } {
    const { words } = this.#codePages[Math.floor(row / this.#rowsPerPage)]!;
    return { words, index: (ROWS + (row % this.#rowsPerPage) * ROW_BYTES) / 4 };
  }

  /** Adds a page of code for the rows in the page `words`; false, and `words` unmapped, without memory. */
  #addCodePage(words: number): boolean {
    if (words < 0) return false;
    const pages = this.#pages;
    const code = pages.map();
    if (code < 0) {
      pages.unmap(words);
      return false;
    }
    const firstRow = this.#codePages.length * this.#rowsPerPage;
    const addresses = { THREAD: this.thread, ROWS: words + ROWS - firstRow * ROW_BYTES };
    const machineCode = codeOf(this.#processor.listing, addresses);
    const firstStub = stubsAfter(machineCode);
    const bytes = new Uint8Array(pages.view(code));
    bytes.set(machineCode.bytes);
    for (let i = 0; i < this.#rowsPerPage * FUNCTIONS; i++) {
      const at = firstStub + i * STUB_BYTES;
      const call = machineCode.labels.get("call")! - at;
      bytes.set(this.#processor.stub(firstRow * FUNCTIONS + i, call), at);
    }
    if (!pages.makeExecutable(code)) {
      pages.unmap(code);
      pages.unmap(words);
      return false;
    }
    this.#codePages.push({ code, firstStub, words: new Uint32Array(pages.view(words)) });
    return true;
  }
}

function stubsAfter({ bytes }: MachineCode): number {
  return Math.ceil(bytes.length / STUB_BYTES) * STUB_BYTES;
}
