/**
 * The machine code of thunk.ts for arm64.
 *
 * Instructions and their bytes; a test compares them with an assembler's. THREAD and ROWS stand for addresses. thunk.ts
 * says what the code does.
 */
import type { Processor } from "./machine-code.js";

export const arm64: Processor = {
  listing: `
                    | call:
fd7bbaa9            |   stp x29, x30, [sp, #-96]!       // a frame of 96 bytes; the request begins at sp + 16
fd030091            |   mov x29, sp
e08701a9            |   stp x0, x1, [sp, #24]           // a, b
e28f02a9            |   stp x2, x3, [sp, #40]           // c, d
e92300f9            |   str x9, [sp, #64]               // key; done is 0
ea0d0058            |   ldr x10, thread                 // words of the thread
0b0e0058            |   ldr x11, rows
2c7d0453            |   lsr w12, w9, #4
6b0d0c8b            |   add x11, x11, x12, lsl #3       // the row
2d0d0012            |   and w13, w9, #15
4d110d8b            |   add x13, x10, x13, lsl #4       // the function, less 64
ae2540f9            |   ldr x14, [x13, #72]
ee1f00f9            |   str x14, [sp, #56]              // the failure, until there is a result
6efddf88            |   ldar w14, [x11]                 // open?
0e020034            |   cbz w14, late
4ed03bd5            |   mrs x14, tpidr_el0              // which thread is this?
4f0540f9            |   ldr x15, [x10, #8]
df010feb            |   cmp x14, x15
41020054            |   b.ne other
4efddf88            |   ldar w14, [x10]
4e010035            |   cbnz w14, late
a82140f9            |   ldr x8, [x13, #64]
e0e30091            |   add x0, sp, #56                 // place
e103092a            |   mov w1, w9                      // key
e28f41a9            |   ldp x2, x3, [sp, #24]           // a, b
e49742a9            |   ldp x4, x5, [sp, #40]           // c, d
00013fd6            |   blr x8
                    | done:
e01f40f9            |   ldr x0, [sp, #56]
fd7bc6a8            |   ldp x29, x30, [sp], #96
c0035fd6            |   ret
                    | late:
6c110091            |   add x12, x11, #4                // count a late call
                    | again:
8e7d5f88            |   ldxr w14, [x12]
ce050011            |   add w14, w14, #1
8e7d0f88            |   stxr w15, w14, [x12]
afffff35            |   cbnz w15, again
f8ffff17            |   b done
                    | other:
4c110091            |   add x12, x10, #4
                    | enter:
8efd5f88            |   ldaxr w14, [x12]
ce050011            |   add w14, w14, #1
8efd0f88            |   stlxr w15, w14, [x12]
afffff35            |   cbnz w15, enter
bf3b03d5            |   dmb ish                         // counted before closed is read: see close
4efddf88            |   ldar w14, [x10]
ce010052            |   eor w14, w14, #1                // 0 when closed
ae030034            |   cbz w14, leave
fe2700f9            |   str x30, [sp, #72]              // caller
e9430091            |   add x9, sp, #16                 // the request
4c410091            |   add x12, x10, #16
8e0140f9            |   ldr x14, [x12]
                    | push:
2e0100f9            |   str x14, [x9]                   // next
                    | try:
8ffd5fc8            |   ldaxr x15, [x12]
ff010eeb            |   cmp x15, x14
ee030faa            |   mov x14, x15                    // what was there
81ffff54            |   b.ne push
89fd0fc8            |   stlxr w15, x9, [x12]
6fffff35            |   cbnz w15, try
ce0000b5            |   cbnz x14, wait                  // its thread is being woken already
080880d2            |   mov x8, #64                     // write(pipe, request, 1)
401940b9            |   ldr w0, [x10, #24]
e10309aa            |   mov x1, x9
220080d2            |   mov x2, #1
010000d4            |   svc #0
                    | wait:
480c80d2            |   mov x8, #98
20d10091            |   add x0, x9, #52                 // done
011080d2            |   mov x1, #128
020080d2            |   mov x2, #0
43810091            |   add x3, x10, #32                // timeout
010000d4            |   svc #0
20d10091            |   add x0, x9, #52
0efcdf88            |   ldar w14, [x0]                  // before the result is read
6e000035            |   cbnz w14, leave
4ffddf88            |   ldar w15, [x10]
cffeff34            |   cbz w15, wait
                    | leave:
4c110091            |   add x12, x10, #4
                    | drop:
8d7d5f88            |   ldxr w13, [x12]
ad050051            |   sub w13, w13, #1
8d7d0f88            |   stxr w15, w13, [x12]
afffff35            |   cbnz w15, drop
0efaff34            |   cbz w14, late
ccffff17            |   b done
                    | finish:
5f2403d5            |   hint #34
011400f9            |   str x1, [x0, #40]
00d00091            |   add x0, x0, #52
23008052            |   mov w3, #1
03fc9f88            |   stlr w3, [x0]                   // done, after the result
480c80d2            |   mov x8, #98
211080d2            |   mov x1, #129
220080d2            |   mov x2, #1
010000d4            |   svc #0
c0035fd6            |   ret
                    | put:
5f2403d5            |   hint #34
010000f9            |   str x1, [x0]
c0035fd6            |   ret
                    | take:
5f2403d5            |   hint #34
01400091            |   add x1, x0, #16
e2031faa            |   mov x2, xzr
                    | swap:
20fc5fc8            |   ldaxr x0, [x1]
22fc03c8            |   stlxr w3, x2, [x1]
c3ffff35            |   cbnz w3, swap
c0035fd6            |   ret
                    | self:
5f2403d5            |   hint #34
40d03bd5            |   mrs x0, tpidr_el0
c0035fd6            |   ret
                    | close:
5f2403d5            |   hint #34
21008052            |   mov w1, #1
                    | shut:
02fc5f88            |   ldaxr w2, [x0]
01fc0388            |   stlxr w3, w1, [x0]
c3ffff35            |   cbnz w3, shut
e2000035            |   cbnz w2, kept
bf3b03d5            |   dmb ish
010440b9            |   ldr w1, [x0, #4]
81000035            |   cbnz w1, kept
001840b9            |   ldr w0, [x0, #24]
280780d2            |   mov x8, #57                     // close(pipe)
010000d4            |   svc #0
                    | kept:
c0035fd6            |   ret
                    | thread:
THREAD              |   .quad THREAD
                    | rows:
ROWS                |   .quad ROWS
`,

  /** `bti c; mov w9, key; b call`; the mov takes two instructions. */
  stub: (key, distance) => {
    const words = Uint32Array.of(
      0xd503245f,
      0x52800009 | ((key & 0xffff) << 5),
      0x72a00009 | ((key >>> 16) << 5),
      0x14000000 | (((distance - 12) >> 2) & 0x3ffffff), // from the branch itself
    );
    return new Uint8Array(words.buffer);
  },
};
