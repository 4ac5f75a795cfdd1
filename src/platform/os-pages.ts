/**
 * Calls of libc for pages of which some may not be accessed, and for what happens then.
 *
 * Owns their results. They are declared to koffi at the first use, for few programs need them.
 */
import type { Declare } from "./os-threads.js";

export type PageAccess = "none" | "write" | "run";

/** Ranges begin and end at pages. Any thread. */
export interface OsPages {
  /** mprotect: what may be done with pages that are mapped; false when refused. */
  protect(address: number, bytes: number, access: PageAccess): boolean;
  /** Replaces pages by the first ones of an open file, shared: what is written is in the file, however the process ends. */
  mapFile(address: number, bytes: number, file: number): boolean;
  /** sigaction: what is done at a signal, as it was until now; null when refused. */
  action(signal: number, action: SignalAction | null): SignalAction | null;
}

/** struct sigaction of glibc and musl. */
export interface SignalAction {
  /** Address of the function; 0 for the default, 1 for nothing. */
  readonly handler: number;
  readonly flags: number;
  /** All of it, with what is not named here. */
  readonly bytes: Uint8Array;
}

const ACCESS: Readonly<Record<PageAccess, number>> = { none: 0x0, write: 0x1 | 0x2, run: 0x1 | 0x4 }; // PROT_…
const READ_WRITE = 0x1 | 0x2;
const SHARED_FIXED = 0x01 | 0x10; // MAP_SHARED | MAP_FIXED
const ACTION_BYTES = 152;
const FLAGS = 136;

export function openPages(declare: Declare): OsPages {
  const mprotect = declare("int mprotect(uintptr_t, size_t, int)");
  const mmap = declare("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");
  const sigaction = declare("int sigaction(int, void *, void *)");
  return {
    protect: (address, bytes, access) => mprotect(address, bytes, ACCESS[access]) === 0,
    mapFile: (address, bytes, file) => mmap(address, bytes, READ_WRITE, SHARED_FIXED, file, 0) === address,
    action: (signal, action) => {
      const before = new Uint8Array(ACTION_BYTES);
      const wanted = action === null ? null : bytesOf(action);
      return sigaction(signal, wanted, before) === 0 ? actionIn(before) : null;
    },
  };
}

function actionIn(bytes: Uint8Array): SignalAction {
  const data = new DataView(bytes.buffer);
  return { handler: Number(data.getBigUint64(0, true)), flags: data.getInt32(FLAGS, true), bytes };
}

function bytesOf({ handler, flags, bytes }: SignalAction): Uint8Array {
  const copy = bytes.slice();
  const data = new DataView(copy.buffer);
  data.setBigUint64(0, BigInt(handler), true);
  data.setInt32(FLAGS, flags, true);
  return copy;
}
