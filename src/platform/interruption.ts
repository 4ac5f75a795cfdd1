/**
 * Recovery from interrupted JavaScript, in a microtask.
 *
 * The timeout of node:vm and Ctrl-C in a REPL interrupt JavaScript at a function entry or a loop: no catch or finally
 * block runs, and the thread goes on. If it held a lock, other threads would wait until this one uses the heap again. So each
 * update of the heap calls watch() first, and so does recovery: a microtask then recovers what was interrupted.
 *
 * One thread's. Must not know what is held, or how it is recovered.
 */
const resolved = Promise.resolve();
let recover: (() => void) | null = null;
const afterwards: (() => void)[] = [];
let isWatching = false;

/** Sets what recovers an interrupted update. It is called also when there was none, and must not throw. */
export function whenInterrupted(work: () => void): void {
  recover = work;
}

/** Sets what runs when the heap was changed and JavaScript's stack is empty. */
export function whenStackEmpty(work: () => void): void {
  afterwards.push(work);
}

/**
 * Call it before the heap is changed, not in between: it makes a promise, and an init callback of async_hooks that runs then
 * may use the heap.
 */
export function watch(): void {
  if (isWatching || recover === null) return;
  isWatching = true; // first, for that callback may call watch()
  try {
    resolved.then(check);
  } catch (error) {
    isWatching = false; // JavaScript's stack is full
    throw error;
  }
}

function check(): void {
  try {
    for (const work of afterwards) work(); // still watching: this may make promises, and callbacks of async_hooks then call watch()
  } finally {
    isWatching = false;
    recover?.();
  }
}
