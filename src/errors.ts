/**
 * Every error this library throws, and nothing else.
 *
 * A HeapError has a `code` that programs may switch on and a message that says what was wrong, with the value,
 * and what to do. Where Node itself would throw a RangeError or a TypeError, the error is one of those as well:
 * `error instanceof HeapError` and `error instanceof RangeError` both hold.
 */

/** What a HeapError's `code` says. */
export type HeapErrorCode =
  /** The limit, the address window or the kernel has no memory left. Everything allocated stays valid. */
  | "ERR_OUT_OF_MEMORY"
  /** Not a pointer that this heap gave out: wild, interior, misaligned, foreign or overwritten. */
  | "ERR_INVALID_POINTER"
  /** A block that was given out once and is free already. */
  | "ERR_DOUBLE_FREE"
  /** A size, count, alignment or setting that cannot be meant. */
  | "ERR_INVALID_ARG"
  /** A scope, an arena or an owner that has given its memory back already. */
  | "ERR_DISPOSED"
  /** Asked for at a time when it cannot be done: it would leave something else without what it needs. */
  | "ERR_INVALID_STATE"
  /** A header, list or bitmap contradicts another: something wrote where it should not. */
  | "ERR_HEAP_CORRUPT"
  /** This platform, Node version or runtime cannot carry the heap. */
  | "ERR_UNSUPPORTED_PLATFORM";

/** What `instanceof HeapError` looks for; a registered symbol, so that two copies of the module agree. */
export const brand = Symbol.for("heapwright.HeapError");

/**
 * What this library throws. Where Node would throw a RangeError or a TypeError it is one of those as well.
 *
 * @example
 * ```ts
 * import { free, HeapError, malloc } from "heapwright";
 *
 * const block = malloc(16);
 * free(block);
 * try {
 *   free(block);
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_DOUBLE_FREE
 * }
 * ```
 */
export class HeapError extends Error {
  /** What went wrong, for programs to switch on. */
  readonly code: HeapErrorCode;

  constructor(code: HeapErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    decorate(this, code);
  }
}

/**
 * So that a HeapError that is a RangeError or TypeError, or another copy of the library's, counts too. A class of the program's
 * that extends HeapError has only its own.
 */
Object.defineProperty(HeapError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (this !== HeapError) return Function.prototype[Symbol.hasInstance].call(this as never, value);
    return typeof value === "object" && value !== null && brand in value;
  },
});

/** A HeapError that is a RangeError too: a number out of its range, or memory that is out. */
export function rangeError(code: HeapErrorCode, message: string): HeapError {
  return decorate(new RangeError(message), code);
}

/** A HeapError that is a TypeError too: a value of the wrong type. */
export function typeError(code: HeapErrorCode, message: string): HeapError {
  return decorate(new TypeError(message), code);
}

export function outOfMemory(what: string): HeapError {
  return rangeError("ERR_OUT_OF_MEMORY", what);
}

export function corrupt(what: string): HeapError {
  return new HeapError("ERR_HEAP_CORRUPT", `${what}; something wrote outside its block or into a freed one`);
}

/** As deep as this library's own calls are below the function that the program called. */
const OWN_FRAMES = 12;

/** Notes the stack again: of ten frames, which is what V8 notes by default, the library's own may be nine. */
function noteStack(error: Error): void {
  const limit = Error.stackTraceLimit;
  if (!(limit > 0) || !Reflect.set(Error, "stackTraceLimit", limit + OWN_FRAMES)) return;
  Error.captureStackTrace(error);
  Error.stackTraceLimit = limit;
}

function decorate(error: Error, code: HeapErrorCode): HeapError {
  noteStack(error);
  Object.defineProperty(error, brand, { value: true });
  Object.defineProperty(error, "name", { value: "HeapError", configurable: true, writable: true });
  Object.defineProperty(error, "code", { value: code, enumerable: true });
  // V8 wrote the stack's first line before the name was known.
  const stack = error.stack ?? "";
  const frames = stack.indexOf("\n    at ");
  const rest = frames < 0 ? "" : stack.slice(frames);
  Object.defineProperty(error, "stack", {
    value: `HeapError [${code}]: ${error.message}${rest}`,
    configurable: true,
    writable: true,
  });
  return error as HeapError;
}

/** What is said of a pointer that is no number. */
export function notAPointer(operation: string, value: unknown): HeapError {
  const advice = typeof value === "bigint" ? "; Number() makes one of a bigint, as koffi returns them" : "";
  return typeError(
    "ERR_INVALID_POINTER",
    `${operation}: a pointer is a number that malloc returned, got ${show(value)}${advice}`,
  );
}

/** A value as an error message shows it: short, and never a thrown error of its own. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (typeof value === "object" && value !== null) return "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** An address as people read addresses. */
export function hex(address: number): string {
  return Number.isSafeInteger(address) && address >= 0 ? `0x${address.toString(16)}` : show(address);
}
