/**
 * Has the address of an access that ends the process written down, before it ends.
 *
 * Owns a few instructions that the kernel calls at SIGSEGV and SIGBUS. If the kernel itself sends the signal, they store the address of
 * the access (si_addr). Then they go on to who handled the signal before: V8, which looks whether the access was WebAssembly's,
 * and else ends the process. Where nobody did, they return, and the access ends the process at its second attempt.
 *
 * Instructions and their bytes; a test compares them with an assembler's. NOTE and NEXT stand for addresses.
 */
import type { OsPages } from "../platform/os-pages.js";
import { codeOf } from "./machine-code.js";

export const FAULT_LISTINGS: Readonly<Record<"x64" | "arm64", string>> = {
  x64: `
f30f1efa            |   endbr64
837e0800            |   cmp dword ptr [rsi + 8], 0      # si_code: above 0 it is the kernel's
7e11                |   jle pass
488b4610            |   mov rax, [rsi + 16]             # si_addr
49b8 NOTE           |   movabs r8, NOTE
498900              |   mov [r8], rax
                    | pass:
48b8 NEXT           |   movabs rax, NEXT
4885c0              |   test rax, rax
7402                |   je last
ffe0                |   jmp rax
                    | last:
c3                  |   ret
`,
  arm64: `
5f2403d5            |   hint #34                        // bti c
290840b9            |   ldr w9, [x1, #8]                // si_code: above 0 it is the kernel's
3f010071            |   cmp w9, #0
8d000054            |   b.le pass
290840f9            |   ldr x9, [x1, #16]               // si_addr
ea000058            |   ldr x10, note
490100f9            |   str x9, [x10]
                    | pass:
ea000058            |   ldr x10, next
4a0000b4            |   cbz x10, last
40011fd6            |   br x10
                    | last:
c0035fd6            |   ret
1f2003d5            |   nop
                    | note:
NOTE                |   .quad NOTE
                    | next:
NEXT                |   .quad NEXT
`,
};

const SIGBUS = 7;
const SIGSEGV = 11;
/** Bytes for the code of one signal. */
const CODE_BYTES = 128;
const DEFAULT = 0;
const IGNORED = 1;
const WITH_INFO = 0x4; // SA_SIGINFO
const ONCE = 0x8000_0000 | 0; // SA_RESETHAND

/**
 * From now on `note`, the address of 8 bytes, says which address an access was at that the kernel refused last. The code goes into the
 * page at `page`, which `bytes` is a view of. False where the system refuses executable memory; then all is as it was. Stays for the
 * process's life.
 */
export function noteFaults(os: OsPages, page: number, bytes: Uint8Array, note: number): boolean {
  const signals = [SIGSEGV, SIGBUS].flatMap((signal) => {
    const before = os.action(signal, null);
    return before === null ? [] : [{ signal, before }];
  });
  const listing = FAULT_LISTINGS[process.arch === "arm64" ? "arm64" : "x64"];
  for (const [index, { before }] of signals.entries()) {
    const next = before.handler === IGNORED ? DEFAULT : before.handler;
    bytes.set(codeOf(listing, { NOTE: note, NEXT: next }).bytes, index * CODE_BYTES);
  }
  if (!os.protect(page, bytes.length, "run")) return false;
  for (const [index, { signal, before }] of signals.entries()) {
    const isLast = before.handler === DEFAULT || before.handler === IGNORED;
    const flags = before.flags | WITH_INFO | (isLast ? ONCE : 0);
    os.action(signal, { ...before, handler: page + index * CODE_BYTES, flags });
  }
  return true;
}
