/** calloc clears the whole of a block that was used before, whatever its size, and not a byte beside it. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, fill, free, malloc, type Pointer, usableSize } from "../src/index.js";
import { holds } from "./peers/expect.js";

const LARGEST = 2200;
const DIRT = 0xff;

function dirty(size: number): Pointer {
  const pointer = malloc(size);
  fill(pointer, DIRT, usableSize(pointer));
  return pointer;
}

test("a block of any size is cleared to its end, and its neighbours stay as they are", () => {
  let reused = 0;
  for (let size = 0; size <= LARGEST; size++) {
    const [below, block, above] = [dirty(size), dirty(size), dirty(size)];
    free(block);
    const cleared = calloc(1, size);
    if (cleared === block) reused++;
    holds(cleared, 0, 0, usableSize(cleared));
    for (const neighbour of [below, above]) holds(neighbour, DIRT, 0, usableSize(neighbour));
    for (const pointer of [below, cleared, above]) free(pointer);
  }
  assert.ok(reused > LARGEST / 2, `${reused}`);
  check();
});

test.run();
