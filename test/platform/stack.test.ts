/**
 * Asking for stack: refused while there is still some left, so that nothing is begun that could not be finished.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ensureStack } from "../../src/platform/stack.js";

/** A frame of a function that does little takes less than a hundredth of the stack that is asked for. */
const FRAMES_LEFT = 100;

/** How much deeper this can call itself. */
function levels(): number {
  try {
    return 1 + levels();
  } catch {
    return 0;
  }
}

/** Goes down until stack is refused; returns how many levels there were left then. */
function levelsAtRefusal(): number {
  try {
    ensureStack();
  } catch (error) {
    assert.instance(error, RangeError);
    return levels();
  }
  return levelsAtRefusal();
}

test("stack is granted where there is plenty", () => {
  ensureStack();
});

test("stack is refused while there is some left", () => {
  assert.ok(levelsAtRefusal() > FRAMES_LEFT);
});

test.run();
