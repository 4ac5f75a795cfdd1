/**
 * Program: a worker that wants the lock most of the time, and counts how often it had it.
 */
import * as lib from "../../../src/index.js";
import { announce, awaitChange, given } from "./crew.js";
import { State, Word } from "./parked-part.js";

const LARGE = 200_000;
const OFTEN = 20;

const words = new Int32Array(given<{ words: SharedArrayBuffer }>().words);
announce(words, Word.state, State.ready);
for (;;) {
  if (Atomics.load(words, Word.state) !== State.go) {
    announce(words, Word.state, State.ready);
    awaitChange(words, Word.state, State.ready);
  }
  lib.free(lib.malloc(LARGE));
  const had = Atomics.add(words, Word.stores, 1) + 1;
  if (had % OFTEN === 0) Atomics.wait(words, Word.stores, had, 1); // lets others have the processor
}
