/**
 * Room on the stack, asked for before something that must not be broken off.
 *
 * JavaScript's stack can be full at any call: V8 then throws a RangeError there, and the thread lives on with what was
 * done so far. Compiling a function takes stack as well, so the first call of one needs far more than the next. Must not
 * know what follows.
 */

/** Functions that had to be compiled first were seen to need more than 32,000. */
export const STACK_BYTES = 96_000;
const WORDS = STACK_BYTES / 8;
/** Of nothing but holes: V8 pushes those faster than numbers. */
const words = new Array<number>(WORDS);

/**
 * Returns when there is room for everything that this library does in one call. Takes 4 µs: the words are pushed.
 *
 * @throws RangeError V8's own, when there is not
 */
export function ensureStack(): void {
  Reflect.apply(nothing, null, words);
}

function nothing(): void {}

/** Whether V8 threw that because the stack was full. */
export function isFullStack(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith("Maximum call stack");
}
