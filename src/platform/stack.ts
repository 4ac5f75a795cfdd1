/**
 * Room on JavaScript's stack, checked before something that must not be interrupted.
 *
 * When the stack is full, V8 throws a RangeError at whichever call comes next, and the thread goes on with a half-done
 * update. Compiling a function takes stack too, so its first call needs far more than the next.
 */

/** More than 32,000 bytes were needed by functions that were compiled first. */
export const STACK_BYTES = 96_000;
const WORDS = STACK_BYTES / 8;
/** All holes: V8 pushes those faster than numbers. */
const words = new Array<number>(WORDS);

/**
 * Checks that there is room for all that this library does in one call, by pushing STACK_BYTES of arguments: 4 µs.
 *
 * @throws RangeError V8's own, when there is not
 */
export function ensureStack(): void {
  Reflect.apply(nothing, null, words);
}

function nothing(): void {}

/** Whether V8 threw the error because the stack was full. */
export function isFullStack(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith("Maximum call stack");
}
