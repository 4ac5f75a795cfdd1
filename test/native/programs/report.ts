/**
 * What the programs that use a library have in common: the account as they found it, and the one line they end with.
 */
import { check, type NativeAllocator, type Pointer, view } from "../../../src/index.js";

export interface Account {
  readonly bytes: number;
  readonly blocks: number;
  readonly peak: number;
  readonly failures: number;
}

export function accountOf({ bytes, blocks, peak, failures }: NativeAllocator): Account {
  return { bytes, blocks, peak, failures };
}

/** Puts text or bytes at `pointer`, with the NUL that C strings end with; there must be room for it. */
export function put(pointer: Pointer, contents: Uint8Array): void {
  view(pointer, contents.length).set(contents);
  view(pointer, contents.length + 1)[contents.length] = 0;
}

/** Ends the program: the heap must be whole. */
export function report(findings: object): void {
  check();
  console.log(JSON.stringify(findings));
}
