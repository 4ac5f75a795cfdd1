/**
 * The errors that this library throws.
 *
 * A HeapError has a `code` for programs, and a message that says what was wrong, with the value, and what to do. Where
 * Node would throw a RangeError or a TypeError, the error is one of those as well: `error instanceof HeapError` and
 * `error instanceof RangeError` both hold.
 */

/** What a HeapError's `code` says. */
export type HeapErrorCode =
  /** The limit, the address window or the kernel has no memory left. Everything allocated stays valid. */
  | "ERR_OUT_OF_MEMORY"
  /** No pointer to a live block: wild, interior, misaligned, another allocator's, or its header was overwritten. */
  | "ERR_INVALID_POINTER"
  /** The block has been freed already. */
  | "ERR_DOUBLE_FREE"
  /** A size, count, alignment or setting of the wrong type or out of range. */
  | "ERR_INVALID_ARG"
  /** While debugging: an access that is not, or not as a whole, inside a live block. */
  | "ERR_OUT_OF_BOUNDS"
  /** While debugging: an access to a block that was freed, or a freed block that was written to. */
  | "ERR_USE_AFTER_FREE"
  /** The scope, arena, owner or allocator has been disposed of. */
  | "ERR_DISPOSED"
  /** Not possible now: a setting after the first allocation, for example, or the end of something still in use. */
  | "ERR_INVALID_STATE"
  /** A header, list or bitmap is not what it must be: something wrote outside its block, or into a freed one. */
  | "ERR_HEAP_CORRUPT"
  /** The heap does not work on this platform, Node version or runtime. */
  | "ERR_UNSUPPORTED_PLATFORM";

/** What `instanceof HeapError` looks for. Registered, so that two copies of this module recognise each other's errors. */
export const brand = Symbol.for("heapwright.HeapError");

/**
 * An error of this library. Where Node would throw a RangeError or a TypeError it is one of those as well.
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
  /** The kind of error, for programs. */
  readonly code: HeapErrorCode;

  constructor(code: HeapErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    decorate(this, code);
  }
}

// A HeapError that is a RangeError or a TypeError is no instance of the class, nor is one of another copy of the library.
// A class of the program's that extends HeapError has only its own instances.
Object.defineProperty(HeapError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (this !== HeapError) return Function.prototype[Symbol.hasInstance].call(this as never, value);
    return typeof value === "object" && value !== null && brand in value;
  },
});

/** A HeapError that is a RangeError too: a number out of range, or no memory. */
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

/** Without instanceof, whose call could fail on a full stack. */
export function isOutOfMemory(error: unknown): error is HeapError {
  const isOurs = typeof error === "object" && error !== null && brand in error;
  return isOurs && (error as unknown as HeapError).code === "ERR_OUT_OF_MEMORY";
}

/** ERR_HEAP_CORRUPT. `likely`: the probable cause, and what to look for. */
export function corrupt(
  what: string,
  likely = "something wrote outside its block or into a freed one",
): HeapError {
  return new HeapError("ERR_HEAP_CORRUPT", `${what}; ${likely}`);
}

/** Most frames of this library's own between the program's call and the error. */
const OWN_FRAMES = 12;

/** Captures more frames: of V8's default ten, nine may be the library's own, and the program's would be lost. */
function captureStack(error: Error): void {
  const limit = Error.stackTraceLimit;
  if (!(limit > 0) || !Reflect.set(Error, "stackTraceLimit", limit + OWN_FRAMES)) return;
  Error.captureStackTrace(error);
  Error.stackTraceLimit = limit;
}

function decorate(error: Error, code: HeapErrorCode): HeapError {
  captureStack(error);
  Object.defineProperty(error, brand, { value: true });
  Object.defineProperty(error, "name", { value: "HeapError", configurable: true, writable: true });
  Object.defineProperty(error, "code", { value: code, enumerable: true });
  // V8 wrote the stack's first line before the name was known.
  const stack = stackText(error);
  if (stack === undefined) return error as HeapError;
  const frames = stack.indexOf("\n    at ");
  const rest = frames < 0 ? "" : stack.slice(frames);
  Object.defineProperty(error, "stack", {
    value: `HeapError [${code}]: ${error.message}${rest}`,
    configurable: true,
    writable: true,
  });
  return error as HeapError;
}

/** The stack, if it is a string: a program's Error.prepareStackTrace may return anything, or throw. */
export function stackText(holder: { readonly stack?: unknown }): string | undefined {
  try {
    return typeof holder.stack === "string" ? holder.stack : undefined;
  } catch {
    return undefined;
  }
}

/** The error for a pointer that is no number. */
export function notAPointer(operation: string, value: unknown): HeapError {
  return typeError(
    "ERR_INVALID_POINTER",
    `${operation}: a pointer is a number that malloc returned, or the same as a bigint, got ${show(value)}`,
  );
}

/** A value for an error message: short. Never throws, whatever the value is. */
export function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}\u2026` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (typeof value === "object" && value !== null) return "an object";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** An address in hexadecimal. */
export function hex(address: number): string {
  return Number.isSafeInteger(address) && address >= 0 ? `0x${address.toString(16)}` : show(address);
}
