/**
 * Program: pointers and function pointers of this heap in calls that Node's own node:ffi makes.
 *
 *   node-ffi.ts LIBRARY
 */
import { cstring, free, malloc, nativeAllocator, read, typed, write } from "../../../src/index.js";
import { report } from "./report.js";

interface Ffi {
  dlopen(
    path: string | null,
    functions: Record<string, { arguments: readonly string[]; return: string }>,
  ): { functions: Record<string, (...args: unknown[]) => unknown> };
}

const OFTEN = 5000; // enough for V8 to compile the call

const ffi = (process as unknown as { getBuiltinModule(name: string): Ffi }).getBuiltinModule("node:ffi");
const { functions: libc } = ffi.dlopen(null, {
  strlen: { arguments: ["pointer"], return: "u64" },
  memcpy: { arguments: ["pointer", "pointer", "u64"], return: "pointer" },
});
const { functions: library } = ffi.dlopen(process.argv[2]!, {
  pairs: { arguments: ["pointer", "pointer", "i32"], return: "i32" },
});

const text = cstring("seven!!");
const target = malloc(8);
const returned = libc.memcpy!(BigInt(target), BigInt(text), 8n);
const bytes = typed(Uint8Array, target, 8).join();
write.u8(text, 0, 3);
const lengths = [Number(libc.strlen!(BigInt(target))), Number(libc.strlen!(BigInt(text)))];
const same = returned === BigInt(target) && bytes === "115,101,118,101,110,33,33,0";
const last = read.u8(target, 6);
free(text);
free(target);

const memory = nativeAllocator();
let blocks = 0;
for (let i = 0; i < OFTEN; i++)
  blocks += library.pairs!(BigInt(memory.malloc), BigInt(memory.free), 3) as number;
const { failures, blocks: left } = memory;
memory.dispose();
report({ lengths, same, last, blocks, expected: OFTEN * 3, failures, left });
