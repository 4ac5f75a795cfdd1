/**
 * Program: the program itself takes all of koffi's callback slots, and then gives one back.
 */
import koffi from "koffi";
import { type HeapError, nativeAllocator } from "../../../src/index.js";
import { callable } from "../c.js";
import { report } from "./report.js";

const type = koffi.pointer(koffi.proto("void", []));
const taken: bigint[] = [];
try {
  for (;;) taken.push(koffi.register(() => {}, type));
} catch {}

const allocator = nativeAllocator();
let refusal: HeapError | null = null;
try {
  allocator.malloc;
} catch (error) {
  refusal = error as HeapError;
}
koffi.unregister(taken.pop()!);
const after = callable(allocator.malloc, "uintptr_t", "size_t")(100) > 0 ? "works" : "does not";
report({ code: refusal?.code, message: refusal?.message, after });
