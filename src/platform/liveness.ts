/**
 * Mutexes whose holder may die, for kernels without a list of robust mutexes: under a seccomp filter that forbids
 * set_robust_list, and in emulators such as qemu-user.
 *
 * Owns such a mutex, and the test whether a thread lives. Must not know what a mutex protects. The kernel reuses thread
 * numbers, so a holder is named by its number and the time when it started:
 *
 *   word 0   holder   the thread's number; 0 for none
 *        1   since    when it started, in clock ticks, from /proc/self/task/NUMBER/stat; 0 when unknown
 *
 * Both words change in one store. Who waits looks every few milliseconds whether the holder lives.
 */
import { HeapError } from "../errors.js";
import { holderIn, MUTEX_BYTES, type OsThreads } from "./os-threads.js";

/** In milliseconds. */
const LONGEST_SLEEP = 5;
const TICKS = 0x7fffffff;
/** Index of `starttime` (field 22 in proc_pid_stat(5)) among the fields after the thread's name. */
const START_FIELD = 19;

/** When a thread of this process started; 0 when there is no such thread, null when that cannot be told. */
export type StartOf = (thread: number) => number | null;

/**
 * `threads` with these mutexes instead of libc's. Where start times cannot be read, only the main thread may lock one: its
 * end is the process's.
 *
 * @param wordsAt the mutex at an address, as 64-bit words
 */
export function withLivenessChecks(
  threads: OsThreads,
  wordsAt: (address: number) => BigInt64Array,
  isMainThread: boolean,
  startOf: StartOf,
): OsThreads {
  const thread = threads.threadId();
  const started = startOf(thread) || 0;
  const mine = (BigInt(started) << 32n) | BigInt(thread);

  const holdsStill = (holder: number, since: number): boolean => {
    if (holder === thread) return since === started;
    if (since === 0) return true; // the main thread, whose start time could not be read
    const start = startOf(holder);
    if (start === since || start === null) return true;
    return startOf(thread) !== started; // /proc cannot be read any more
  };
  return {
    ...threads,
    mutexWord: 0,
    holdsStill,
    initializeMutex: (target) => {
      if (typeof target === "number") wordsAt(target)[0] = 0n;
      else target.fill(0, 0, MUTEX_BYTES);
    },
    lockMutex: (address) => {
      if (started === 0 && !isMainThread) throw cannotTell();
      const words = wordsAt(address);
      for (;;) {
        const word = Atomics.load(words, 0);
        const holder = holderIn(Number(word & 0xffffffffn));
        if (holder === 0 || !holdsStill(holder, Number(word >> 32n))) {
          // Acquires: stores of the last holder are seen from here on.
          if (Atomics.compareExchange(words, 0, word, mine) === word) return true;
        } else threads.waitOn(address, holder, LONGEST_SLEEP);
      }
    },
    unlockMutex: (address) => {
      // Releases: the next holder sees what was stored under the mutex.
      Atomics.store(wordsAt(address), 0, 0n);
      threads.wakeOne(address);
    },
  };
}

function cannotTell(): HeapError {
  return new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "heapwright works in no worker here, for it could not tell when one has ended: the kernel keeps no list of robust " +
      "mutexes, and /proc/self/task cannot be read. Use it in the main thread alone, or allow set_robust_list (seccomp) or " +
      "/proc (--allow-fs-read=/proc/*)",
  );
}

/** Start times from /proc/self/task/NUMBER/stat. `read` returns a file's text. */
export function startInProc(read: (path: string) => string): StartOf {
  return (thread) => {
    try {
      const text = read(`/proc/self/task/${thread}/stat`);
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[START_FIELD]) % TICKS) + 1;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === "ENOENT" || code === "ESRCH" ? 0 : null;
    }
  };
}
