/**
 * A few instructions in front of a callback, so that C gets NULL when JavaScript cannot run.
 *
 * koffi 3.3.4 leaves the result register as it was when a callback does not return: while a worker is being
 * terminated, or when JavaScript's stack is full. C would take whatever is there for a block. So the callback is
 * declared `void` and gets one argument more, the place of its result, which holds a failure until it has written
 * there:
 *
 *   uintptr_t thunk(a, b, …) { uintptr_t result = failure; callback(a, b, …, &result); return result; }
 *
 * The place is on the caller's own stack: any number of threads may be inside at once. Owns these instructions, and the
 * page that each copy of them lies in, which is never writable and executable at the same time and stays mapped, since
 * nobody knows who still has its address. Only for x86-64; elsewhere, and where the system refuses executable memory,
 * there is no thunk. Must not know what is called.
 */

/** What it needs of the system; addresses are numbers. */
export interface Pages {
  /** A page, readable and writable, or FAILED. */
  map(): number;
  /** Makes it readable and executable, and no longer writable; whether that was allowed. */
  makeExecutable(page: number): boolean;
  unmap(page: number): void;
  write(page: number, code: Uint8Array): void;
}

/** `mov REGISTER, rsp` for each integer argument in turn: rdi, rsi, rdx, rcx, r8. */
const MOV_FROM_RSP = [
  [0x48, 0x89, 0xe7],
  [0x48, 0x89, 0xe6],
  [0x48, 0x89, 0xe2],
  [0x48, 0x89, 0xe1],
  [0x49, 0x89, 0xe0],
] as const;

/**
 * A function that calls `callback` as described above.
 *
 * @param parameters how many integers it takes, at most 4
 * @param failure its result until the callback has written one; from 0 to 127
 * @returns its address, or 0 where there is none
 */
export function makeThunk(pages: Pages, callback: bigint, parameters: number, failure: number): number {
  if (process.arch !== "x64") return 0;
  const page = pages.map();
  if (page < 0) return 0;
  pages.write(page, codeFor(callback, parameters, failure));
  if (pages.makeExecutable(page)) return page;
  pages.unmap(page);
  return 0;
}

function codeFor(callback: bigint, parameters: number, failure: number): Uint8Array {
  const address = new Uint8Array(new BigUint64Array([callback]).buffer);
  return Uint8Array.of(
    ...[0xf3, 0x0f, 0x1e, 0xfa], //                            endbr64
    ...[0x48, 0x83, 0xec, 0x18], //                            sub rsp, 24: aligned to 16 again
    ...[0x48, 0xc7, 0x04, 0x24, failure, 0x00, 0x00, 0x00], // mov qword [rsp], failure
    ...MOV_FROM_RSP[parameters]!, //                           mov the next argument, rsp
    ...[0x48, 0xb8, ...address], //                            mov rax, callback
    ...[0xff, 0xd0], //                                        call rax
    ...[0x48, 0x8b, 0x04, 0x24], //                            mov rax, [rsp]
    ...[0x48, 0x83, 0xc4, 0x18], //                            add rsp, 24
    0xc3, //                                                   ret
  );
}
