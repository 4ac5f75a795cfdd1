/**
 * The instructions in front of a callback: what they are asked to do, and that without them everything else works.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, nativeAllocator } from "../../src/index.js";
import { makeThunk } from "../../src/native/thunk.js";
import { callable, EINVAL, ENOMEM, koffi } from "./c.js";

const PAGE = 4096;
const PLACE = 0x7000_0000;
const realArch = process.arch;

/** Runs `work` as if on another processor. */
function elsewhere<T>(work: () => T): T {
  Object.defineProperty(process, "arch", { value: "arm64" });
  try {
    return work();
  } finally {
    Object.defineProperty(process, "arch", { value: realArch });
  }
}

/** Pages that only say what was done with them. */
function recorded(options: { mapped?: number; allowed?: boolean }) {
  const steps: string[] = [];
  const pages = {
    map: () => options.mapped ?? PLACE,
    makeExecutable: () => {
      steps.push("executable");
      return options.allowed ?? true;
    },
    unmap: (page: number) => void steps.push(`unmap ${page}`),
    write: (page: number, code: Uint8Array) => void steps.push(`write ${page} ${code.length <= PAGE}`),
  };
  return { pages, steps };
}

/** All kinds of functions, by their results. */
function works(): number {
  const allocator = nativeAllocator({ limit: 1_000_000 });
  const allocate = callable(allocator.malloc, "uintptr_t", "size_t");
  const lua = callable(allocator.luaAlloc, "uintptr_t", "uintptr_t", "uintptr_t", "size_t", "size_t");
  const memalign = callable(allocator.posixMemalign, "int", "uintptr_t", "size_t", "size_t");
  const release = callable(allocator.free, "void", "uintptr_t");
  const first = allocate(100);
  const second = lua(0, first, 100, 5000);
  assert.ok(first > 0 && second > 0);
  assert.is(memalign(second, 3, 10), EINVAL);
  assert.is(allocate(2_000_000), 0);
  assert.is(koffi.errno(), ENOMEM);
  release(second);
  assert.equal([allocator.bytes, allocator.blocks], [0, 0]);
  check();
  return allocator.malloc; // not disposed: the next one gets function pointers of its own
}

test("without thunks, on another processor", () => {
  const plain = elsewhere(works);
  const usual = works();
  assert.is.not(plain, usual);
  if (realArch === "x64") assert.is(usual % PAGE, 0, "a thunk is at the start of its page");
});

const testThunk = realArch === "x64" ? test : test.skip; // there is none for another processor

testThunk("the page is executable only after it was written, and goes back when that is refused", () => {
  const done = recorded({});
  assert.is(makeThunk(done.pages, 0x1234n, 1, 0), PLACE);
  assert.equal(done.steps, [`write ${PLACE} true`, "executable"]);
  const refused = recorded({ allowed: false });
  assert.is(makeThunk(refused.pages, 0x1234n, 1, 0), 0);
  assert.equal(refused.steps, [`write ${PLACE} true`, "executable", `unmap ${PLACE}`]);
  const none = recorded({ mapped: -1 });
  assert.is(makeThunk(none.pages, 0x1234n, 1, 0), 0);
  assert.equal(none.steps, []);
});

test("on another processor nothing is tried", () => {
  const { pages, steps } = recorded({});
  assert.is(
    elsewhere(() => makeThunk(pages, 0x1234n, 1, 0)),
    0,
  );
  assert.equal(steps, []);
});

test.run();
