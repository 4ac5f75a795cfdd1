/**
 * Program of the tour: reaches memory that is not its own, here and in C, and prints how it was refused.
 */
import { free, malloc, read, write } from "heapwright";
import koffi from "koffi";

const memset = koffi.load(null).func("uintptr_t memset(uintptr_t, int, size_t)");

function readFreed() {
  const record = malloc(24);
  free(record);
  read.u32(record);
}

function writePastTheEnd() {
  const point = malloc(20);
  write.f64(point, 1.5, 16);
}

function overrunInC() {
  const text = malloc(40);
  memset(text, 0, 48);
  free(text);
}

const refused = [];
for (const access of [readFreed, writePastTheEnd, overrunInC]) {
  try {
    access();
  } catch ({ code, message }) {
    refused.push({ code, message });
  }
}
console.log(JSON.stringify(refused));
