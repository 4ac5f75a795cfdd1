/**
 * Files that are written at the end because the environment says so: the map of the heap, and a profile.
 *
 * Must not know when a thread ends.
 */
import { isMainThread, threadId } from "node:worker_threads";
import { internals } from "../index.js";
import { encoderFor } from "./formats/write.js";
import { heapMap } from "./map/heap-map.js";
import { rendererFor } from "./map/renderers.js";
import { profile } from "./profile.js";

/** `atEnd` runs what it is given when the calling thread ends; `isFirst`: whether the thread speaks for the process. */
export function beginFiles(atEnd: (work: () => void) => void, isFirst: boolean): void {
  const map = internals.setting("HEAPWRIGHT_MAP");
  const file = internals.setting("HEAPWRIGHT_PROFILE");
  if (map !== null && isFirst) attempt(() => beginMap(map, atEnd));
  if (file !== null) attempt(() => beginProfile(file, atEnd));
}

/** A wrong name, or a missing package, is refused at once, and not when the program has run for hours. */
function beginMap(file: string, atEnd: (work: () => void) => void): void {
  rendererFor("HEAPWRIGHT_MAP", file);
  atEnd(() => attempt(() => heapMap(file), "HEAPWRIGHT_MAP: "));
}

function beginProfile(file: string, atEnd: (work: () => void) => void): void {
  encoderFor("HEAPWRIGHT_PROFILE", file);
  if (!profile.isOn) profile.start();
  atEnd(() =>
    attempt(() => {
      if (profile.isOn) profile.stop().write(ownFile(file));
    }, "HEAPWRIGHT_PROFILE: "),
  );
}

/** A profile is of one thread: what a worker writes has its number in its name. */
function ownFile(file: string): string {
  return isMainThread ? file : file.replace(/((\.allocated)?\.[a-z]+(\.gz)?)$/i, `.worker-${threadId}$1`);
}

/** The program goes on, whatever happens; `what` is said before an error that does not say it itself. */
function attempt(work: () => void, what = ""): void {
  try {
    work();
  } catch (error) {
    internals.print(`heapwright: ${what}${(error as Error).message}\n`);
  }
}
