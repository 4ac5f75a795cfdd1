/**
 * Program: under Node's permission model, where /proc and sockets may be forbidden; one line of findings.
 */
import koffi from "koffi";
import { free, nativeAllocator } from "../../../dist/index.js";

const LIMIT_MS = 10_000;

function refusal() {
  try {
    nativeAllocator();
    return "none";
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}

const unsaid = refusal();
const memory = nativeAllocator({ koffi });
const malloc = koffi.decode(memory.malloc, koffi.proto("uintptr_t", ["size_t"]));
const here = malloc(100);
const elsewhere = await new Promise((resolve, reject) => {
  malloc.async(100, (error, value) => (error ? reject(error) : resolve(value)));
  setTimeout(() => resolve(0), LIMIT_MS).unref();
});
for (const pointer of [here, elsewhere]) if (pointer > 0) free(pointer);
console.log(JSON.stringify({ unsaid, here: here > 0, elsewhere: elsewhere > 0 }));
process.exit(0);
