/**
 * Threads: their numbers, futexes, and robust mutexes.
 *
 * Must not know what a word or a mutex protects.
 *
 * A thread's life is read from a robust mutex that it holds. The kernel knows the robust mutexes of each thread; when the
 * thread ends, in whichever way, the kernel clears its number in each of them and sets FUTEX_OWNER_DIED
 * (set_robust_list(2)). So one load tells whether a thread lives, and nothing has to run in the thread that ends. Where the
 * kernel does not do this, see liveness.ts.
 */

/** Calls about threads. Any thread may make them. */
export interface OsThreads {
  /** The kernel's number of the calling thread (gettid), unique among living threads. */
  threadId(): number;
  /** Sleeps while the word at `address` is `value`: until woken, or for `milliseconds`, less than 1000. */
  waitOn(address: number, value: number, milliseconds: number): void;
  /** Wakes one thread that sleeps on the word at `address`. */
  wakeOne(address: number): void;
  /** Like waitOn; returns whether it was woken. */
  sleepOn(address: number, value: number, milliseconds: number): boolean;
  /** Wakes at most `count` threads; returns how many. */
  wakeUpTo(address: number, count: number): number;
  /** Makes an unlocked robust mutex of MUTEX_BYTES, at an address that is a multiple of 8 or at the start of a buffer. */
  initializeMutex(target: number | Uint8Array): void;
  /** Waits for the mutex, and gets it also when its holder ended. False when libc refuses. */
  lockMutex(address: number): boolean;
  unlockMutex(address: number): void;
  /** Index of the mutex's word that has the holder's number: 0 with glibc, 1 with musl. */
  readonly mutexWord: number;
  /** Whether the kernel marks the mutexes of a thread that ended. */
  readonly robust: boolean;
  /**
   * Whether the thread `holder` that a mutex names still lives; `since` is the mutex's next word. Always true where
   * `robust`: there the kernel has cleared the number of one that ended.
   */
  holdsStill(holder: number, since: number): boolean;
}

/** Bytes of a pthread mutex: 40 on x64, 48 on arm64 with glibc. */
export const MUTEX_BYTES = 48;
const THREAD_ID = 0x3fffffff;
const ROBUST = 1; // PTHREAD_MUTEX_ROBUST
const OWNER_DIED = 130; // EOWNERDEAD
const WAIT_PRIVATE = 128; // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
const WAKE_PRIVATE = 129; // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
const MILLION = 1_000_000;

/** The thread that holds the mutex with this word; 0 for none, also after the holder's death. */
export function holderIn(word: number): number {
  return word & THREAD_ID;
}

export function isHeldBy(word: number, thread: number): boolean {
  return (word & THREAD_ID) === thread;
}

/** A function of libc, by its prototype. */
export type Declare = (prototype: string) => (...args: unknown[]) => number;

export function openThreads(
  declare: Declare,
  systemCalls: { futex: number; gettid: number; getRobustList: number },
): OsThreads {
  const syscall = declare("long syscall(long, uintptr_t, void *, void *, void *, uintptr_t, uintptr_t)");
  const mutexInit = declare("int pthread_mutex_init(void *, void *)");
  const mutexLock = declare("int pthread_mutex_lock(void *)");
  const mutexUnlock = declare("int pthread_mutex_unlock(void *)");
  const mutexConsistent = declare("int pthread_mutex_consistent(void *)");
  const attributes = Buffer.allocUnsafeSlow(64);
  declare("int pthread_mutexattr_init(void *)")(attributes);
  declare("int pthread_mutexattr_setrobust(void *, int)")(attributes, ROBUST);
  const thread = syscall(systemCalls.gettid, 0, null, null, null, 0, 0);

  const findMutexWord = (): number => {
    const probe = Buffer.allocUnsafeSlow(4096);
    mutexInit(probe, attributes);
    mutexLock(probe);
    let word = 0; // if no word has it, past the mutex: claim() then finds that nothing can be claimed
    while (word < MUTEX_BYTES && !isHeldBy(probe.readInt32LE(word), thread)) word += 4;
    mutexUnlock(probe);
    return word / 4;
  };
  const sleepOn = (address: number, value: number, milliseconds: number): boolean => {
    const time = new BigInt64Array([0n, BigInt(Math.ceil(milliseconds * MILLION))]);
    return syscall(systemCalls.futex, address, WAIT_PRIVATE, value >>> 0, time, 0, 0) === 0;
  };
  const wakeUpTo = (address: number, count: number): number =>
    syscall(systemCalls.futex, address, WAKE_PRIVATE, count, null, 0, 0);
  const mutexWord = findMutexWord();
  /** Asked after the first lock, when musl registers its list with the kernel. */
  const keepsList = (): boolean => {
    const [list, bytes] = [new BigUint64Array(1), new BigUint64Array(1)];
    return syscall(systemCalls.getRobustList, 0, list, bytes, null, 0, 0) === 0 && list[0] !== 0n;
  };
  return {
    threadId: () => thread,
    waitOn: (address, value, milliseconds) => {
      sleepOn(address, value, milliseconds);
    },
    wakeOne: (address) => {
      wakeUpTo(address, 1);
    },
    sleepOn,
    wakeUpTo,
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
    mutexWord,
    robust: keepsList(),
    holdsStill: () => true,
  };
}
