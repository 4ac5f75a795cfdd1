/**
 * Worker: calls function pointers that belong to the thread that started it, and frees all but one block.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type Pointer, write } from "../../../src/index.js";
import { callable } from "../c.js";

const { malloc, free } = workerData as { malloc: number; free: number };
const allocate = callable(malloc, "uintptr_t", "size_t");
const release = callable(free, "void", "uintptr_t");

const blocks = Array.from({ length: 50 }, () => allocate(100) as Pointer);
const pointer = blocks.pop()!;
for (const block of blocks) release(block);
write.u32(pointer, 1234);
parentPort!.postMessage({ pointer, text: 1234 });
