/**
 * The operating system: calls of libc, through koffi.
 *
 * Owns which symbols are called and how their results are read. A call that fails says so by its result (FAILED, false
 * or null) and never throws. On a platform where the heap does not work this file can be imported, and every call throws
 * the one ERR_UNSUPPORTED_PLATFORM that says why. Must not know blocks or policy.
 */
import { createRequire } from "node:module";
import { HeapError } from "../errors.js";
import { startInProc, withLivenessChecks } from "./liveness.js";
import { type CopyUnchecked, openCopier } from "./os-copy.js";
import { type OsPages, openPages } from "./os-pages.js";
import { MUTEX_BYTES, type OsThreads, openThreads } from "./os-threads.js";

/** The result of a call that failed, where an address is expected. */
export const FAILED = -1;

/**
 * The calls, as an interface, so that what uses them can be tested on an ordinary ArrayBuffer. Sizes are bytes; ranges
 * begin and end at pages. Any thread may make them unless it says otherwise.
 */
export interface Os {
  /** Bytes per page: a power of two. */
  readonly pageSize: number;
  /** Most bytes of one view. Node 20 aborts the process when asked for more. */
  readonly viewLimit: number;
  /** The program break: sbrk(0). */
  currentBreak(): number;
  /** sbrk(bytes): the break as it was, or FAILED. Main thread only, for libc's sbrk is not thread-safe. */
  moveBreak(bytes: number): number;
  /** Whether this thread may move the break. */
  readonly mayMoveBreak: boolean;
  /** Maps zeroed, writable pages exactly at `address`, which is returned; FAILED when something is mapped there. */
  map(address: number, bytes: number): number;
  /** Like map, for pages that may not be accessed. */
  guard(address: number, bytes: number): number;
  /** Whether `bytes` could be mapped somewhere now: they are mapped and unmapped. */
  couldMap(bytes: number): boolean;
  unmap(address: number, bytes: number): boolean;
  /** Resizes a mapping where it is; false when another mapping is in the way. */
  resizeInPlace(address: number, oldBytes: number, newBytes: number): boolean;
  /** mremap onto the mapping at `target`, which is replaced: moves page tables and copies nothing. */
  move(address: number, oldBytes: number, newBytes: number, target: number): boolean;
  /** MADV_DONTNEED: the kernel takes the pages' memory; they stay mapped and read as zero. */
  discard(address: number, bytes: number): boolean;
  /** MADV_NOHUGEPAGE: the kernel lays no huge pages over the range any more. It may refuse, if it has none. */
  useSmallPages(address: number, bytes: number): void;
  /** mseal: nobody can unmap or shrink the range any more. False before Linux 6.10. */
  seal(address: number, bytes: number): boolean;
  /** membarrier: all running threads of the process order their loads and stores. False before Linux 4.14. */
  barrier(): boolean;
  /** Fills up to 256 bytes of memory with random ones. */
  randomize(address: number, bytes: number): boolean;
  /** The soft limit on the process's data or address space; Infinity when there is none. */
  resourceLimit(which: "data" | "addressSpace"): number;
  /** Strict overcommit: the kernel counts memory that is mapped and not touched yet. */
  readonly countsReservations: boolean;
  /** The mapped ranges of the process, ascending, as [start, end) pairs; empty where /proc cannot be read. */
  mappings(): ReadonlyArray<readonly [number, number]>;
  /** A copy of what is at `address`; null when that is not mapped, or cannot be told. */
  peek(address: number, bytes: number): Uint8Array | null;
  readonly copyUnchecked: CopyUnchecked;
  /**
   * Maps a page with these contents exactly at `address`, with a name in /proc/self/maps; false when something is mapped
   * there. Of several threads that try this at once, one succeeds.
   */
  share(name: string, address: number, contents: Uint8Array): boolean;
  readonly threads: OsThreads;
  openPages(): OsPages;
  /** An ArrayBuffer over raw memory, which need not be mapped before it is touched. */
  view(address: number, bytes: number): ArrayBuffer;
}

const READ_WRITE = 0x1 | 0x2; // PROT_READ | PROT_WRITE
const NO_ACCESS = 0x0; // PROT_NONE
const MAP_PRIVATE = 0x02;
const PRIVATE_ANONYMOUS = MAP_PRIVATE | 0x20; // MAP_ANONYMOUS
const FIXED_NOREPLACE = 0x100000; // Linux 4.17; older kernels take the address as a hint, which map() checks
const REMAP_MAYMOVE_FIXED = 0x1 | 0x2; // MREMAP_MAYMOVE | MREMAP_FIXED
const ADVISE_DONTNEED = 4;
const ADVISE_NOHUGEPAGE = 15;
const SYSTEM_CALLS = {
  x64: {
    gettid: 186,
    futex: 202,
    getRobustList: 274,
    getrandom: 318,
    memfdCreate: 319,
    membarrier: 324,
    mseal: 462,
  },
  arm64: {
    gettid: 178,
    futex: 98,
    getRobustList: 100,
    getrandom: 278,
    memfdCreate: 279,
    membarrier: 283,
    mseal: 462,
  },
} as const;
const MEMFD_CLOEXEC = 1;
const BARRIER = 1 << 3; // MEMBARRIER_CMD_PRIVATE_EXPEDITED
const REGISTER_BARRIER = 1 << 4; // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
const RLIMIT = { data: 2, addressSpace: 9 } as const;

/** The part of koffi that is used here. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
  view(address: number, bytes: number): ArrayBuffer;
}

/** The calls of this platform; where it is not supported, calls that throw why. */
export function openOs(): Os {
  const reason = whyUnsupported();
  if (reason !== null) return unsupportedOs(reason);
  try {
    return linux(load("koffi") as Koffi);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const bundled = "where the program is bundled, name heapwright and koffi as external";
    return unsupportedOs(`koffi could not be loaded (${text}; ${bundled})`, cause);
  }
}

let requireHere: NodeJS.Require | null = null;

/**
 * Requires a module: koffi, which may be missing, and Node's own. `import` of node:fs would load its streams too, which
 * takes 4 ms.
 */
export function load(name: string): unknown {
  requireHere ??= createRequire(import.meta.url ?? __filename); // a bundler that makes CommonJS of this leaves no URL
  return requireHere(name);
}

export function fileSystem(): typeof import("node:fs") {
  return load("node:fs") as typeof import("node:fs");
}

function whyUnsupported(): string | null {
  const { platform, arch, versions } = process;
  if (platform !== "linux") return `the platform is ${platform}`;
  if (arch !== "x64" && arch !== "arm64") return `the processor is ${arch}`;
  const [major = 0, minor = 0] = versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 17)) return `Node is ${versions.node}`;
  return null;
}

function unsupportedOs(reason: string, cause?: unknown): Os {
  const fail = (): never => {
    throw new HeapError(
      "ERR_UNSUPPORTED_PLATFORM",
      `heapwright needs Node 20.17 or later on Linux, x64 or arm64, with native add-ons and external buffers ` +
        `allowed; here ${reason}. Use Buffer or a SharedArrayBuffer instead`,
      cause === undefined ? undefined : { cause },
    );
  };
  return new Proxy({} as Os, { get: (_, name) => (name === "mayMoveBreak" ? false : fail()) });
}

function linux(koffi: Koffi): Os {
  const libc = koffi.load(null);
  const sbrk = libc.func("intptr_t sbrk(intptr_t)");
  const mmap = libc.func("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");
  const munmap = libc.func("int munmap(uintptr_t, size_t)");
  const mremap = libc.func("intptr_t mremap(uintptr_t, size_t, size_t, int, uintptr_t)");
  const madvise = libc.func("int madvise(uintptr_t, size_t, int)");
  const systemCalls = SYSTEM_CALLS[process.arch as keyof typeof SYSTEM_CALLS];
  const syscall = libc.func("long syscall(long, uintptr_t, size_t, ulong)");
  const memfdCreate = libc.func("long syscall(long, str, ulong)");
  const pwrite = libc.func("long pwrite(int, void *, size_t, long)");
  const pread = libc.func("long pread(int, void *, size_t, long)");
  const close = libc.func("int close(int)");
  const getrlimit = libc.func("int getrlimit(int, void *)");
  const threads = openThreads((prototype) => libc.func(prototype), systemCalls);
  /** The widest view so far, the window's: in it lie the mutexes that other threads wait for. */
  let widest = { start: 0, buffer: new ArrayBuffer(0) };
  /** Seldom by koffi.view: a worker that is terminated in there ends the process, for koffi throws in C. */
  const wordsAt = (address: number) => {
    const at = address - widest.start;
    const isInside = at >= 0 && at + MUTEX_BYTES <= widest.buffer.byteLength;
    return isInside
      ? new BigInt64Array(widest.buffer, at, MUTEX_BYTES / 8)
      : new BigInt64Array(koffi.view(address, MUTEX_BYTES));
  };
  const isMainThread = threads.threadId() === process.pid;
  const startOf = startInProc((path) => fileSystem().readFileSync(path, "latin1"));

  const mapExactly = (address: number, bytes: number, protection: number): number => {
    const flags = PRIVATE_ANONYMOUS | FIXED_NOREPLACE;
    const got = mmap(address, bytes, protection, flags, -1, 0);
    if (got === address) return got;
    if (got !== FAILED) munmap(got, bytes); // a kernel that took the address as a hint
    return FAILED;
  };
  /** Runs `work` with a memfd and closes it; null where the kernel gives none. */
  const inMemoryFile = <T>(name: string, work: (file: number) => T): T | null => {
    const file = memfdCreate(systemCalls.memfdCreate, name, MEMFD_CLOEXEC);
    if (file < 0) return null;
    try {
      return work(file);
    } finally {
      close(file);
    }
  };
  return {
    pageSize: libc.func("int getpagesize()")(),
    viewLimit: (load("node:buffer") as typeof import("node:buffer")).constants.MAX_LENGTH,
    mayMoveBreak: isMainThread,
    countsReservations: readText("/proc/sys/vm/overcommit_memory").trim() === "2",
    currentBreak: () => sbrk(0),
    moveBreak: (bytes) => sbrk(bytes),
    map: (address, bytes) => mapExactly(address, bytes, READ_WRITE),
    guard: (address, bytes) => mapExactly(address, bytes, NO_ACCESS),
    couldMap: (bytes) => {
      const got = mmap(0, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
      return got !== FAILED && munmap(got, bytes) === 0;
    },
    unmap: (address, bytes) => munmap(address, bytes) === 0,
    resizeInPlace: (address, oldBytes, newBytes) => mremap(address, oldBytes, newBytes, 0, 0) !== FAILED,
    move: (address, oldBytes, newBytes, target) =>
      mremap(address, oldBytes, newBytes, REMAP_MAYMOVE_FIXED, target) === target,
    discard: (address, bytes) => madvise(address, bytes, ADVISE_DONTNEED) === 0,
    useSmallPages: (address, bytes) => void madvise(address, bytes, ADVISE_NOHUGEPAGE),
    seal: (address, bytes) => syscall(systemCalls.mseal, address, bytes, 0) === 0,
    barrier: () => {
      const succeeds = (command: number) => syscall(systemCalls.membarrier, command, 0, 0) === 0;
      return succeeds(BARRIER) || (succeeds(REGISTER_BARRIER) && succeeds(BARRIER));
    },
    randomize: (address, bytes) => syscall(systemCalls.getrandom, address, bytes, 0) === bytes,
    resourceLimit: (which) => {
      const pair = new BigUint64Array(2);
      if (getrlimit(RLIMIT[which], pair) !== 0) return Infinity;
      const soft = Number(pair[0]);
      return soft >= Number.MAX_SAFE_INTEGER ? Infinity : soft;
    },
    mappings: () => parseMappings(readText("/proc/self/maps")),
    peek: (address, bytes) =>
      inMemoryFile("heapwright-peek", (file) => {
        // The kernel answers EFAULT for what is not mapped, where a load would end the process.
        if (pwrite(file, address, bytes, 0) !== bytes) return null;
        const copy = new Uint8Array(bytes);
        return pread(file, copy, bytes, 0) === bytes ? copy : null;
      }),
    copyUnchecked: openCopier((prototype) => libc.func(prototype), inMemoryFile, { pwrite, pread }),
    share: (name, address, contents) =>
      inMemoryFile(name, (file) => {
        if (pwrite(file, contents, contents.length, 0) !== contents.length) return null;
        // Private: a forked process gets a page of its own. The name is the file's, and stays when it is closed.
        const got = mmap(address, contents.length, READ_WRITE, MAP_PRIVATE | FIXED_NOREPLACE, file, 0);
        if (got !== address && got !== FAILED) munmap(got, contents.length);
        return got === address;
      }) === true,
    threads: threads.robust ? threads : withLivenessChecks(threads, wordsAt, isMainThread, startOf),
    openPages: () => openPages((prototype) => libc.func(prototype)),
    view: (address, bytes) => {
      const made = koffi.view(address, bytes);
      views.bytes += bytes;
      if (bytes > widest.buffer.byteLength) widest = { start: address, buffer: made };
      return made;
    },
  };
}

/** Bytes of this thread's views, which V8 counts as external memory. All copies of this library share the count. */
const views = viewsOf(process as unknown as Record<symbol, { bytes: number } | undefined>);

function viewsOf(holder: Record<symbol, { bytes: number } | undefined>): { bytes: number } {
  const name = Symbol.for("heapwright.views");
  const known = holder[name] ?? { bytes: 0 };
  Object.defineProperty(holder, name, { value: known, configurable: true });
  return known;
}

/** Bytes that this thread's views cover. */
export function viewedBytes(): number {
  return views.bytes;
}

/** A file of /proc; empty where it cannot be read. */
function readText(path: string): string {
  try {
    return fileSystem().readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** The ranges in the text of /proc/PID/maps, whose lines begin with `start-end` in hexadecimal. */
export function parseMappings(text: string): Array<readonly [number, number]> {
  const ranges: Array<readonly [number, number]> = [];
  for (const line of text.split("\n")) {
    const dash = line.indexOf("-");
    const space = line.indexOf(" ", dash);
    if (dash <= 0 || space < 0) continue;
    const start = Number.parseInt(line.slice(0, dash), 16);
    const end = Number.parseInt(line.slice(dash + 1, space), 16);
    if (end <= Number.MAX_SAFE_INTEGER) ranges.push([start, end]);
  }
  return ranges;
}
