import { parentPort } from "node:worker_threads";
import { free, malloc, stats, view } from "../src/index.js";

const block = malloc(100);
view(block).fill(1);
parentPort!.postMessage([stats().external]);
free(block);
