/**
 * Coming back to what was cut off.
 *
 * JavaScript can be cut off at any function entry or loop, without one catch or finally block running, in a thread that
 * goes on: by the timeout of node:vm, by Ctrl-C in a REPL. If it held something then that other threads wait for, they
 * would wait until this thread uses the heap again. So who is going to hold something asks to be looked after; that is
 * done when JavaScript's stack is empty, which is soon after.
 *
 * Owns when that is, one thread's. Must not know what is held, or how it is put in order.
 */
const emptyStack = Promise.resolve();
let finish: (() => void) | null = null;
let watching = false;

/** Says how what was cut off is put in order; called when there is nothing to do, too. It must not throw. */
export function whenCutOff(work: () => void): void {
  finish = work;
}

/** To be called before something is held. */
export function watch(): void {
  if (watching || finish === null) return;
  emptyStack.then(look); // which fails where JavaScript's stack is full
  watching = true;
}

function look(): void {
  watching = false;
  finish?.();
}
