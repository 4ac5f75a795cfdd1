/** Worker: frees the blocks that it is given. */
import { workerData } from "node:worker_threads";
import { free, type Pointer } from "../../../src/index.js";

for (const pointer of workerData as readonly Pointer[]) free(pointer);
