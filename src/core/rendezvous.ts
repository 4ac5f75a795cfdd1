/**
 * Where the threads of a process meet: one page that each of them can find without having been told anything.
 *
 * Owns the page and the agreement on one window. Must not know what lies in the window.
 *
 * The page is put at the first free one of a few fixed addresses, under a name that shows in the process's list of
 * mappings, by a call that the kernel lets one thread win. It comes into being whole: its mutex, which says who opens
 * the window, is made beforehand. The name holds the version of the layout, so that copies of the library that lay their
 * heaps out differently do not meet.
 *
 *   byte   0   ready    1 once base and span are valid
 *          8   base     a double
 *         16   span     a double
 *         64   mutex    held while the window is opened; passes on when its holder dies
 */
import { HeapError } from "../errors.js";
import { Window } from "./memory.js";
import type { Os } from "./os.js";
import { MUTEX_BYTES } from "./os-threads.js";

const NAME = "heapwright-layout-1";
/** Far from where kernels put anything; the low ones for processors with 39 bits of address. */
const PLACES = [0x2000_0000_0000, 0x2100_0000_0000, 0x30_0000_0000, 0x31_0000_0000] as const;
const READY = 0;
const BASE = 1;
const SPAN = 2;
const MUTEX_AT = 64;

/** The window of this process; `open` makes it, in the first thread that comes here. */
export function meet(os: Os, open: () => Window): Window {
  const address = findPage(os);
  const page = os.view(address, os.pageSize);
  const words = new Int32Array(page);
  const doubles = new Float64Array(page);
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

function findPage(os: Os): number {
  const known = os.findShared(NAME);
  if (known !== 0) return known;
  const contents = firstContents(os);
  for (const place of PLACES) {
    if (os.share(NAME, place, contents)) return place;
    const found = os.findShared(NAME); // another thread was faster
    if (found !== 0) return found;
  }
  throw new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "heapwright found no place for the page that its threads meet at: memfd_create or mmap was refused, or /proc is not mounted",
  );
}

function firstContents(os: Os): Uint8Array {
  const mutex = Buffer.allocUnsafeSlow(os.pageSize).fill(0); // its own memory: the call must not see it move
  os.threads.initializeMutex(mutex);
  const contents = new Uint8Array(os.pageSize);
  contents.set(mutex.subarray(0, MUTEX_BYTES), MUTEX_AT);
  return contents;
}
