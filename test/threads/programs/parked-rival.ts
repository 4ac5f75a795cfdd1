/**
 * Program: a worker that wants the lock all the time, and counts how often it had it.
 */
import * as lib from "../../../src/index.js";
import { announce, awaitChange, given } from "./crew.js";
import { State, Word } from "./parked-part.js";

const LARGE = 200_000;

const words = new Int32Array(given<{ words: SharedArrayBuffer }>().words);
announce(words, Word.state, State.ready);
for (;;) {
  if (Atomics.load(words, Word.state) !== State.go) {
    announce(words, Word.state, State.ready);
    awaitChange(words, Word.state, State.ready);
  }
  lib.free(lib.malloc(LARGE));
  Atomics.add(words, Word.stores, 1);
}
