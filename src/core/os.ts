/**
 * The operating system: the libc calls that the heap makes, through koffi.
 *
 * Owns: which symbols are called and how their results are read. Promises: a call that fails says so by its
 * result (FAILED) and never throws; on a platform that cannot carry the heap every call throws the one
 * ERR_UNSUPPORTED_PLATFORM that says why, and importing this file still works. Must not know: blocks, threads,
 * policy.
 */
import { constants } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import { HeapError } from "../errors.js";
import { type OsThreads, openThreads } from "./os-threads.js";

/** What an address-returning call gives when it was refused. */
export const FAILED = -1;

/** The calls, as an interface, so that the layers above can be tested on an ordinary ArrayBuffer. */
export interface Os {
  /** Bytes per page: a power of two. */
  readonly pageSize: number;
  /** Bytes that one view may cover; asking Node 20 for more aborts the process. */
  readonly viewLimit: number;
  /** Where libc's program break is now. Any thread. */
  currentBreak(): number;
  /** Moves the break up; the address it had, or FAILED. Main thread only: libc's sbrk is not thread-safe. */
  moveBreak(bytes: number): number;
  /** Whether this thread may move the break. */
  readonly mayMoveBreak: boolean;
  /** Readable, writable, zeroed pages exactly at `address`, or FAILED; never over another mapping. */
  map(address: number, bytes: number): number;
  /** Pages that nobody can touch exactly at `address`, or FAILED. */
  guard(address: number, bytes: number): number;
  unmap(address: number, bytes: number): boolean;
  /** Resizes a mapping where it is; false when its neighbour is in the way. */
  resizeInPlace(address: number, oldBytes: number, newBytes: number): boolean;
  /** Moves a mapping, page tables only, over the one at `target`; false when refused. */
  move(address: number, oldBytes: number, newBytes: number, target: number): boolean;
  /** Gives the pages' memory back; they read as zero afterwards and stay mapped. */
  discard(address: number, bytes: number): boolean;
  /** Forbids everybody to unmap or shrink the range (Linux 6.10 and later); false where there is no such call. */
  seal(address: number, bytes: number): boolean;
  /** The soft limit on the process's data or address space in bytes; Infinity when there is none. */
  resourceLimit(which: "data" | "addressSpace"): number;
  /** Whether the kernel counts reserved memory against what it has (strict overcommit). */
  readonly countsReservations: boolean;
  /** The mapped ranges of the process, ascending, as [start, end) pairs. */
  mappings(): ReadonlyArray<readonly [number, number]>;
  /** Where a page that was shared under this name lies; 0 when there is none. */
  findShared(name: string): number;
  /**
   * Puts a page with these contents exactly at `address`, where findShared() sees it from every thread; false when
   * something lies there. The kernel lets one of several threads that try this at once succeed.
   */
  share(name: string, address: number, contents: Uint8Array): boolean;
  readonly threads: OsThreads;
  /** An ArrayBuffer over raw memory. The range need not be mapped until it is touched. */
  view(address: number, bytes: number): ArrayBuffer;
}

const READ_WRITE = 0x1 | 0x2; // PROT_READ | PROT_WRITE
const NO_ACCESS = 0x0; // PROT_NONE
const MAP_PRIVATE = 0x02;
const PRIVATE_ANONYMOUS = MAP_PRIVATE | 0x20; // MAP_ANONYMOUS
const FIXED_NOREPLACE = 0x100000; // Linux 4.17; older kernels take the address as a hint, which map() checks
const REMAP_MAYMOVE_FIXED = 0x1 | 0x2; // MREMAP_MAYMOVE | MREMAP_FIXED
const ADVISE_DONTNEED = 4;
const SYSTEM_CALLS = {
  x64: { gettid: 186, futex: 202, memfdCreate: 319, mseal: 462 },
  arm64: { gettid: 178, futex: 98, memfdCreate: 279, mseal: 462 },
} as const;
const MEMFD_CLOEXEC = 1;
const RLIMIT = { data: 2, addressSpace: 9 } as const;

/** The part of koffi that is used here. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
  view(address: number, bytes: number): ArrayBuffer;
}

/** The real thing, or a stand-in whose every call throws what is wrong with this platform. */
export function openOs(): Os {
  const reason = whyUnsupported();
  if (reason !== null) return unsupportedOs(reason);
  try {
    return linux(requireKoffi() as Koffi);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const bundled = "where the program is bundled, name heapwright and koffi as external";
    return unsupportedOs(`koffi could not be loaded (${text}; ${bundled})`, cause);
  }
}

/** A bundler that makes CommonJS of this leaves no URL. */
export function requireKoffi(): unknown {
  return createRequire(import.meta.url ?? __filename)("koffi");
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
  const close = libc.func("int close(int)");
  const getrlimit = libc.func("int getrlimit(int, void *)");

  const mapExactly = (address: number, bytes: number, protection: number): number => {
    const flags = PRIVATE_ANONYMOUS | FIXED_NOREPLACE;
    const got = mmap(address, bytes, protection, flags, -1, 0);
    if (got === address) return got;
    if (got !== FAILED) munmap(got, bytes); // a kernel that took the address as a hint
    return FAILED;
  };
  return {
    pageSize: libc.func("int getpagesize()")(),
    viewLimit: constants.MAX_LENGTH,
    mayMoveBreak: isMainThread,
    countsReservations: readText("/proc/sys/vm/overcommit_memory").trim() === "2",
    currentBreak: () => sbrk(0),
    moveBreak: (bytes) => sbrk(bytes),
    map: (address, bytes) => mapExactly(address, bytes, READ_WRITE),
    guard: (address, bytes) => mapExactly(address, bytes, NO_ACCESS),
    unmap: (address, bytes) => munmap(address, bytes) === 0,
    resizeInPlace: (address, oldBytes, newBytes) => mremap(address, oldBytes, newBytes, 0, 0) !== FAILED,
    move: (address, oldBytes, newBytes, target) =>
      mremap(address, oldBytes, newBytes, REMAP_MAYMOVE_FIXED, target) === target,
    discard: (address, bytes) => madvise(address, bytes, ADVISE_DONTNEED) === 0,
    seal: (address, bytes) => syscall(systemCalls.mseal, address, bytes, 0) === 0,
    resourceLimit: (which) => {
      const pair = new BigUint64Array(2);
      if (getrlimit(RLIMIT[which], pair) !== 0) return Infinity;
      const soft = Number(pair[0]);
      return soft >= Number.MAX_SAFE_INTEGER ? Infinity : soft;
    },
    mappings: () => parseMappings(readText("/proc/self/maps")),
    findShared: (name) => addressOfName(readText("/proc/self/maps"), `/memfd:${name} `),
    share: (name, address, contents) => {
      const file = memfdCreate(systemCalls.memfdCreate, name, MEMFD_CLOEXEC);
      if (file < 0) return false;
      try {
        if (pwrite(file, contents, contents.length, 0) !== contents.length) return false;
        // Private: a forked process gets a page of its own. The name is the file's, and stays when it is closed.
        const got = mmap(address, contents.length, READ_WRITE, MAP_PRIVATE | FIXED_NOREPLACE, file, 0);
        if (got !== address && got !== FAILED) munmap(got, contents.length);
        return got === address;
      } finally {
        close(file);
      }
    },
    threads: openThreads((prototype) => libc.func(prototype), systemCalls),
    view: (address, bytes) => koffi.view(address, bytes),
  };
}

/** /proc files; empty where /proc is not mounted, which only costs precision. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** The address columns of /proc/PID/maps: `start-end perms …`, hexadecimal. */
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

/** Where the mapping lies whose line in /proc/PID/maps contains `name`; 0 when there is none. */
function addressOfName(text: string, name: string): number {
  const at = text.indexOf(name);
  return at < 0 ? 0 : Number.parseInt(text.slice(text.lastIndexOf("\n", at) + 1), 16);
}
