/**
 * Buffers over the heap's memory that cannot be detached, as far as V8 allows that.
 *
 * A typed array gives access to its buffer, and code that has the buffer may detach it: by its method transfer(), or by
 * reading a stream into the array, which transfers it internally. All other views over the buffer are empty then. Must not
 * know what the buffers are used for.
 */
import { typeError } from "../errors.js";

/** V8 links an asm.js module to a buffer of at most this many bytes; from V8 12 on, of at most half as many. */
const LONGEST = 2 ** 32;
const TRANSFERS = ["transfer", "transferToFixedLength", "transferToImmutable"] as const;

/** Whether pin() can work, by the largest length of a buffer here: on Node 20 and 21. */
export function canPin(viewLimit: number): boolean {
  return viewLimit <= LONGEST;
}

/**
 * Makes a buffer undetachable; returns whether that worked. An attempt to detach it then throws a TypeError or a
 * DataCloneError. Takes 1 ms.
 *
 * V8 has no API for this, but it refuses to detach the heap of an asm.js module. So an empty module is linked to the buffer,
 * and after that to a small probe, which is tested instead of the buffer itself: V8 links a module again only if the first
 * link succeeded.
 */
export function pin(buffer: ArrayBuffer): boolean {
  try {
    // The Function of Uint8Array's realm: under Jest the global Function is another realm's, which does not work.
    const Compiled = Uint8Array.constructor as FunctionConstructor;
    const link = new Compiled(
      ...["stdlib", "foreign", "heap"],
      '"use asm"; var bytes = new stdlib.Uint8Array(heap); function nothing() {} return nothing;',
    );
    link({ Uint8Array }, null, buffer);
    const probe = new ArrayBuffer(4096);
    link({ Uint8Array }, null, probe);
    return !canDetach(probe);
  } catch {
    return false; // no code from strings (--disallow-code-generation-from-strings)
  }
}

function canDetach(probe: ArrayBuffer): boolean {
  try {
    structuredClone(null, { transfer: [probe] });
  } catch {
    // not detached; Node 20 does not throw but copies
  }
  return probe.byteLength === 0;
}

/** Makes a buffer's transfer methods throw. Code that detaches it without them, such as a stream, still can. */
export function refuseTransfer(buffer: ArrayBuffer): ArrayBuffer {
  for (const name of TRANSFERS) {
    if (name in buffer) Object.defineProperty(buffer, name, { value: () => refuse(name) });
  }
  return buffer;
}

function refuse(name: string): never {
  throw typeError(
    "ERR_INVALID_STATE",
    `${name}: this buffer is the heap's memory, and all views over it would be empty afterwards; ` +
      "give a copy away: view(pointer).slice().buffer",
  );
}
