/**
 * Releases locks and pins after an interruption that the thread survives: the `timeout` of node:vm and Ctrl-C in a REPL stop
 * JavaScript at a function entry or loop without running any `finally`. Soon after, when the stack is empty, nothing may be
 * held, so whatever still is gets released.
 *
 * Owns when that is done. Must not know what is held.
 */

/** What may be held across a call. */
export interface Held {
  /** Whether letGo() is going to be called. Set by this file only. */
  watched: boolean;
  /** Releases it if it is held. Must not throw. */
  letGo(): void;
}

const emptyStack = Promise.resolve();
let held: Held[] = [];

/** Must be called before the lock or pin is taken. */
export function watch(what: Held): void {
  if (what.watched) return;
  if (held.length === 0) emptyStack.then(letGoOfAll);
  held.push(what);
  what.watched = true;
}

function letGoOfAll(): void {
  const all = held;
  held = [];
  for (const what of all) {
    what.watched = false;
    what.letGo();
  }
}
