/**
 * Frees that must not happen: each is refused with an error that names what was wrong, and nothing is changed.
 */
import { check, free, HeapError, type HeapErrorCode, malloc, type Pointer, view } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { code, count, refusal, say } from "./page.js";
import { same, snapshot, verify } from "./proof.js";

const HEADER_BYTES = 8;

let refused = 0;

export const wrongFrees: Chapter = {
  title: "Wrong frees are refused",
  run() {
    say(
      "In C each of these is undefined: the program may end at once, or go on with a damaged heap. Here " +
        "each throws a HeapError with a code. After each, all headers and lists are verified, and every " +
        "block and figure is compared with what it was.",
    );
    const block = malloc(500);
    const large = malloc(500_000);
    free(block);
    refuse("free(block)", "is free already", "ERR_DOUBLE_FREE", block);
    free(large);
    refuse("free(large)", "its mapping is gone", "ERR_DOUBLE_FREE", large);
    const live = malloc(5000);
    refuse("free(live + 64)", "the middle of a block", "ERR_INVALID_POINTER", live + 64);
    refuse("free(live + 1)", "not aligned", "ERR_INVALID_POINTER", live + 1);
    refuse("free(0x123456780)", "an address from nowhere", "ERR_INVALID_POINTER", 0x123456780);
    forge(live);
    refuse('free("live")', "no number", "ERR_INVALID_POINTER", "live");
    free(live);
    say(`${count(refused)} wrong frees refused, and the heap is as it was. The right one went through.`);
  },
};

/** A true header, copied to where no block starts: the check word does not fit the place. */
function forge(live: Pointer): void {
  const target = (live + 256) as Pointer;
  const header = view((live - HEADER_BYTES) as Pointer, HEADER_BYTES);
  view((target - HEADER_BYTES) as Pointer, HEADER_BYTES).set(header);
  refuse("free(live + 256)", "behind a copy of live's true header", "ERR_INVALID_POINTER", target);
}

function refuse(program: string, why: string, expected: HeapErrorCode, pointer: unknown): void {
  const before = snapshot();
  const error = errorOf(() => free(pointer as Pointer));
  if (!(error instanceof HeapError)) throw new Error(`not true: ${program} is refused`);
  same(`the code of ${program}`, error.code, expected);
  check();
  verify(snapshot() === before, `${program} changes nothing`);
  refused++;
  code(program, why);
  refusal(error.code, error.message);
}

function errorOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
