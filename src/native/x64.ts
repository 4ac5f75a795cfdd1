/**
 * The machine code of thunk.ts for x86-64.
 *
 * Instructions and their bytes; a test compares them with an assembler's. THREAD and ROWS stand for addresses. thunk.ts
 * says what the code does.
 */
import type { Processor } from "./machine-code.js";

export const x64: Processor = {
  listing: `
                    | call:
4883ec48            |   sub rsp, 72                     # the request begins at rsp
48897c2408          |   mov [rsp + 8], rdi              # a
4889742410          |   mov [rsp + 16], rsi             # b
4889542418          |   mov [rsp + 24], rdx             # c
48894c2420          |   mov [rsp + 32], rcx             # d
4889442430          |   mov [rsp + 48], rax             # key; done is 0
49b9 THREAD         |   movabs r9, THREAD               # words of the thread
49b8 ROWS           |   movabs r8, ROWS
89c1                |   mov ecx, eax
c1e904              |   shr ecx, 4
4d8d04c8            |   lea r8, [r8 + rcx * 8]          # the row
83e00f              |   and eax, 15
c1e004              |   shl eax, 4
4c01c8              |   add rax, r9                     # the function, less 64
488b4848            |   mov rcx, [rax + 72]
48894c2428          |   mov [rsp + 40], rcx             # the failure, until there is a result
41833800            |   cmp dword ptr [r8], 0           # open?
743f                |   je late
64488b0c2500000000  |   mov rcx, fs:0                   # which thread is this?
493b4908            |   cmp rcx, [r9 + 8]
7537                |   jne other
41833900            |   cmp dword ptr [r9], 0
752a                |   jne late
488d7c2428          |   lea rdi, [rsp + 40]             # place
8b742430            |   mov esi, [rsp + 48]             # key
488b542408          |   mov rdx, [rsp + 8]
488b4c2410          |   mov rcx, [rsp + 16]
4c8b442418          |   mov r8, [rsp + 24]
4c8b4c2420          |   mov r9, [rsp + 32]
ff5040              |   call [rax + 64]
                    | done:
488b442428          |   mov rax, [rsp + 40]
4883c448            |   add rsp, 72
c3                  |   ret
                    | late:
f041ff4004          |   lock inc dword ptr [r8 + 4]     # count a late call
ebef                |   jmp done
                    | other:
f041ff4104          |   lock inc dword ptr [r9 + 4]     # before closed is read: see close
418b11              |   mov edx, [r9]
83f201              |   xor edx, 1                      # 0 when closed
7456                |   je leave
488b4c2448          |   mov rcx, [rsp + 72]              # caller, to request + 56
48894c2438          |   mov [rsp + 56], rcx
498b4110            |   mov rax, [r9 + 16]
                    | push:
48890424            |   mov [rsp], rax                  # next
f0490fb16110        |   lock cmpxchg [r9 + 16], rsp
75f4                |   jne push
4885c0              |   test rax, rax
7513                |   jne wait                        # its thread is being woken already
b801000000          |   mov eax, 1
418b7918            |   mov edi, [r9 + 24]
4889e6              |   mov rsi, rsp                    # write(pipe, request, 1)
ba01000000          |   mov edx, 1
0f05                |   syscall
                    | wait:
b8ca000000          |   mov eax, 202
488d7c2434          |   lea rdi, [rsp + 52]
be80000000          |   mov esi, 128
31d2                |   xor edx, edx
4d8d5120            |   lea r10, [r9 + 32]              # timeout
0f05                |   syscall
8b542434            |   mov edx, [rsp + 52]
85d2                |   test edx, edx
7505                |   jne leave
413911              |   cmp [r9], edx
74dc                |   je wait
                    | leave:
f041ff4904          |   lock dec dword ptr [r9 + 4]
85d2                |   test edx, edx
748d                |   je late
eb81                |   jmp done
                    | finish:
f30f1efa            |   endbr64
48897728            |   mov [rdi + 40], rsi
c7473401000000      |   mov dword ptr [rdi + 52], 1     # done, after the result
b8ca000000          |   mov eax, 202
4883c734            |   add rdi, 52
be81000000          |   mov esi, 129
ba01000000          |   mov edx, 1
0f05                |   syscall
c3                  |   ret
                    | put:
f30f1efa            |   endbr64
488937              |   mov [rdi], rsi
c3                  |   ret
                    | take:
f30f1efa            |   endbr64
31c0                |   xor eax, eax
48874710            |   xchg [rdi + 16], rax
c3                  |   ret
                    | self:
f30f1efa            |   endbr64
64488b042500000000  |   mov rax, fs:0
c3                  |   ret
                    | close:
f30f1efa            |   endbr64
b801000000          |   mov eax, 1
8707                |   xchg [rdi], eax
85c0                |   test eax, eax
7510                |   jne kept
837f0400            |   cmp dword ptr [rdi + 4], 0
750a                |   jne kept
8b7f18              |   mov edi, [rdi + 24]
b803000000          |   mov eax, 3
0f05                |   syscall
                    | kept:
c3                  |   ret
`,

  /** `endbr64; mov eax, key; jmp call`, and two bytes of padding. */
  stub: (key, distance) => {
    const code = new DataView(new ArrayBuffer(16));
    code.setUint32(0, 0xfa1e0ff3, true);
    code.setUint8(4, 0xb8);
    code.setUint32(5, key, true);
    code.setUint8(9, 0xe9);
    code.setInt32(10, distance - 14, true); // from the end of the jump
    code.setUint16(14, 0xcccc, true);
    return new Uint8Array(code.buffer);
  },
};
