/**
 * Program: C asks for memory while JavaScript's stack fills up, until not even the callback can run.
 */
import { nativeAllocator } from "../../../src/index.js";
import { callable } from "../c.js";
import { accountOf, report } from "./report.js";

const allocator = nativeAllocator();
const allocate = callable(allocator.malloc, "uintptr_t", "size_t");
const release = callable(allocator.free, "void", "uintptr_t");
const given: number[] = [];
let nulls = 0;
let thrown = 0;

/** koffi throws what the callback threw once C has returned; what C got is then not to be seen from here. */
function dive(): void {
  try {
    const pointer = allocate(64);
    if (pointer === 0) nulls++;
    else given.push(pointer);
  } catch {
    thrown++;
  }
  dive();
}

let full = false;
try {
  dive();
} catch (error) {
  full = error instanceof RangeError;
}
const { blocks } = allocator;
for (const pointer of given) release(pointer);
report({
  full,
  thrown,
  nulls,
  given: given.length,
  distinct: new Set(given).size,
  blocks,
  account: accountOf(allocator),
});
