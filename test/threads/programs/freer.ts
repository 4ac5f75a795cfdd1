/** Worker: frees the blocks that it is given, and says when it has. */
import { workerData } from "node:worker_threads";
import { free, type Pointer } from "../../../src/index.js";
import { announce } from "./crew.js";

const { pointers, done } = workerData as { pointers: readonly Pointer[]; done?: Int32Array };
for (const pointer of pointers) free(pointer);
if (done !== undefined) announce(done, 0, 1);
