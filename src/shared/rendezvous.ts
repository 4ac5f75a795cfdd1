/**
 * The rendezvous: one page at a well-known address, by which the threads of a process find the same window.
 *
 * Owns the page and the agreement on one window. Must not know what lies in the window.
 *
 * The page is mapped at the first free one of a few fixed addresses, by a system call that succeeds in one thread only. It is
 * complete when it appears: its mutex, whose holder opens the window, is initialized before. Threads that come later look at
 * these addresses for a page that begins with the mark. They need no /proc, which may be missing or forbidden. The mark
 * contains the version of the layout, so that copies of the library with different layouts do not share a heap.
 *
 *   byte   0   mark     the text NAME, then zeroes
 *         32   ready    1 once base and span are valid
 *         36   robust   1 when the kernel marks a mutex whose holder ended, else 0 (liveness.ts); must hold for all threads
 *         40   base     a double
 *         48   span     a double
 *         64   mutex    held while the window is opened; passes on when its holder dies
 */
import { HeapError } from "../errors.js";
import { Window } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { MUTEX_BYTES } from "../platform/os-threads.js";

const NAME = "heapwright-layout-3";
const MARK = Buffer.from(NAME.padEnd(32, "\0"));
/** Far from where kernels map by default; the low ones for processors with 39 bits of address. */
const PLACES = [0x2000_0000_0000, 0x2100_0000_0000, 0x30_0000_0000, 0x31_0000_0000] as const;
const READY = 8;
const ROBUST = 9;
const BASE = 5;
const SPAN = 6;
const MUTEX_AT = 64;

/** The window of this process; `open` makes it, in the first thread that comes here. */
export function meet(os: Os, open: () => Window): Window {
  const address = findPage(os);
  const page = os.view(address, os.pageSize);
  const words = new Int32Array(page);
  const doubles = new Float64Array(page);
  if ((words[ROBUST] === 1) !== os.threads.robust) throw differentThreads();
  if (!os.threads.lockMutex(address + MUTEX_AT)) {
    throw new HeapError(
      "ERR_UNSUPPORTED_PLATFORM",
      "heapwright could not lock the mutex that its threads meet at",
    );
  }
  try {
    // Orders base and span after it; they are written before the store below.
    if (Atomics.load(words, READY) === 1)
      return new Window(doubles[BASE]!, os.view(doubles[BASE]!, doubles[SPAN]!));
    const window = open();
    doubles[BASE] = window.base;
    doubles[SPAN] = window.span;
    Atomics.store(words, READY, 1);
    return window;
  } finally {
    os.threads.unlockMutex(address + MUTEX_AT);
  }
}

function differentThreads(): HeapError {
  return new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "heapwright works not in this thread, for the kernel keeps a list of robust mutexes (set_robust_list) for some threads " +
      "of this process and not for others. A seccomp filter that forbids it must hold for all threads, or for none",
  );
}

function findPage(os: Os): number {
  const known = PLACES.find((place) => isOurs(os, place));
  if (known !== undefined) return known;
  const contents = firstContents(os);
  // Where share() fails, another thread may have been faster.
  const made = PLACES.find((place) => os.share(NAME, place, contents) || isOurs(os, place));
  if (made !== undefined) return made;
  throw new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "heapwright found no place for the page that its threads meet at: memfd_create or mmap was refused",
  );
}

function isOurs(os: Os, place: number): boolean {
  const mark = os.peek(place, MARK.length);
  return mark !== null && MARK.equals(mark);
}

function firstContents(os: Os): Uint8Array {
  const mutex = Buffer.allocUnsafeSlow(os.pageSize).fill(0); // its own memory: the call must not see it move
  os.threads.initializeMutex(mutex);
  const contents = new Uint8Array(os.pageSize);
  contents.set(MARK);
  new Int32Array(contents.buffer)[ROBUST] = os.threads.robust ? 1 : 0;
  contents.set(mutex.subarray(0, MUTEX_BYTES), MUTEX_AT);
  return contents;
}
