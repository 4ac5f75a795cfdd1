/**
 * Program of the tour: frees what it allocates for a request, but for every tenth.
 */
import { free, malloc, write } from "heapwright";

function answer(request) {
  const record = malloc(64);
  write.u32(record, request);
  if (request % 10 !== 0) free(record);
}

for (let request = 0; request < 1000; request++) answer(request);
