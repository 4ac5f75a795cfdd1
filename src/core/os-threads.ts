/**
 * What the heap asks of libc and the kernel about threads: who runs, sleeping on a word, and a mutex whose word says
 * that its holder ended.
 *
 * Owns the calls and the picture of a pthread mutex as far as it is read. Must not know what a word or a mutex
 * protects.
 *
 * The mutex is a robust one: the kernel keeps a list of those that a thread holds, and when the thread ends in any
 * way it takes the thread's id out of each mutex's word and sets OWNER_DIED there (set_robust_list(2)). So the word
 * is a certificate of life that can be read with one load, and nothing has to run in the thread that ends.
 */

/** Calls about threads; every thread of the process may use all of them. */
export interface OsThreads {
  /** The kernel's number for the calling thread: unique among those that live. */
  threadId(): number;
  /** Sleeps while the word at `address` holds `value`, until it is woken or `milliseconds` have passed. */
  waitOn(address: number, value: number, milliseconds: number): void;
  /** Wakes one that sleeps on the word at `address`. */
  wakeOne(address: number): void;
  /** Makes an unlocked mutex of MUTEX_BYTES at an address that is a multiple of 8, or in a buffer's first bytes. */
  initializeMutex(target: number | Uint8Array): void;
  /** Waits for the mutex; takes it over from a holder that ended. False when libc refuses. */
  lockMutex(address: number): boolean;
  unlockMutex(address: number): void;
  /** Which word of a mutex tells the thread that holds it: glibc has it first, musl second. */
  readonly mutexWord: number;
}

/** Room for a pthread mutex: 40 bytes on x64, 48 on arm64 with glibc. */
export const MUTEX_BYTES = 48;
const THREAD_ID = 0x3fffffff;
const ROBUST = 1; // PTHREAD_MUTEX_ROBUST
const OWNER_DIED = 130; // EOWNERDEAD
const WAIT_PRIVATE = 128; // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
const WAKE_PRIVATE = 129; // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
const MILLION = 1_000_000;

/** Whether the word of a mutex says that a living thread holds it. */
export function isHeld(word: number): boolean {
  // After a death the kernel leaves OWNER_DIED and no thread id.
  return (word & THREAD_ID) !== 0;
}

/** The thread that holds the mutex of this word; 0 when none does. */
export function holderIn(word: number): number {
  return word & THREAD_ID;
}

/** Whether it is that thread. */
export function isHeldBy(word: number, thread: number): boolean {
  return (word & THREAD_ID) === thread;
}

/** A function of libc, by its prototype. */
export type Declare = (prototype: string) => (...args: unknown[]) => number;

export function openThreads(declare: Declare, systemCalls: { futex: number; gettid: number }): OsThreads {
  const syscall = declare(
    "long syscall(long, uintptr_t, uintptr_t, uintptr_t, void *, uintptr_t, uintptr_t)",
  );
  const mutexInit = declare("int pthread_mutex_init(void *, void *)");
  const mutexLock = declare("int pthread_mutex_lock(void *)");
  const mutexUnlock = declare("int pthread_mutex_unlock(void *)");
  const mutexConsistent = declare("int pthread_mutex_consistent(void *)");
  const attributes = Buffer.allocUnsafeSlow(64);
  declare("int pthread_mutexattr_init(void *)")(attributes);
  declare("int pthread_mutexattr_setrobust(void *, int)")(attributes, ROBUST);
  const thread = syscall(systemCalls.gettid, 0, 0, 0, null, 0, 0);

  const findMutexWord = (): number => {
    const probe = Buffer.allocUnsafeSlow(4096);
    mutexInit(probe, attributes);
    mutexLock(probe);
    let word = 0; // past the mutex where none does: then no claim of a heap holds, which claim() finds out
    while (word < MUTEX_BYTES && !isHeldBy(probe.readInt32LE(word), thread)) word += 4;
    mutexUnlock(probe);
    return word / 4;
  };
  return {
    threadId: () => thread,
    waitOn: (address, value, milliseconds) => {
      const time = new BigInt64Array([0n, BigInt(milliseconds * MILLION)]);
      syscall(systemCalls.futex, address, WAIT_PRIVATE, value >>> 0, time, 0, 0);
    },
    wakeOne: (address) => {
      syscall(systemCalls.futex, address, WAKE_PRIVATE, 1, null, 0, 0);
    },
    initializeMutex: (target) => {
      mutexInit(target, attributes);
    },
    lockMutex: (address) => {
      const result = mutexLock(address);
      return result === OWNER_DIED ? mutexConsistent(address) === 0 : result === 0;
    },
    unlockMutex: (address) => {
      mutexUnlock(address);
    },
    mutexWord: findMutexWord(),
  };
}
