/**
 * What begins by itself when the tools are loaded: because the environment says so, or because another thread has begun.
 */
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { internals } from "../index.js";
import { openChannels } from "./channels.js";
import { beginFiles } from "./files.js";
import { RED_ZONE, Watch } from "./guard.js";
import { leaks } from "./leaks.js";
import { hasMainThread } from "./notes.js";
import { sharedState } from "./shared.js";
import { beginSlots } from "./slots-begin.js";

/** What switches a tool on, and is no name of a file. */
const JUST_ON = ["1", "true", "on", "yes"];

const state = sharedState("begin", () => ({ hasBegun: false, isGuarding: false }));

/** Begins what the environment asks for; the second time, nothing. */
export function begin(): void {
  if (state.hasBegun || internals.unusable !== null) return;
  state.hasBegun = true;
  openChannels();
  internals.beginGuard = beginGuard;
  if (internals.setting("HEAPWRIGHT_DEBUG") !== null || internals.isGuarded) {
    if (internals.mayGuard()) beginGuard();
    else
      process.emitWarning("HEAPWRIGHT_DEBUG comes too late: another thread has begun without", "HeapWarning");
  }
  const every = internals.setting("HEAPWRIGHT_GUARD");
  if (every !== null || internals.slots.pool() !== 0) beginSlots(every, atExit);
  const isFirst = isMainThread || !hasMainThread();
  beginFiles(atExit, isFirst);
  const wanted = internals.setting("HEAPWRIGHT_LEAKS");
  if (wanted === null && !internals.isNoting) return;
  leaks.start();
  if (wanted !== null && isFirst) atExit(() => tellLeaks(wanted));
}

/** Watches the blocks of this thread, and of those that come later: they begin because they see that others have. */
function beginGuard(): void {
  if (state.isGuarding) return;
  state.isGuarding = true;
  const watch = new Watch();
  internals.guard(watch, RED_ZONE);
  internals.observeLives((step) => {
    if (step === "free" || step === "realloc") watch.giveUp();
  });
  atExit(() => {
    try {
      watch.verify();
    } catch (error) {
      internals.print(`heapwright: ${(error as Error).message}\n`);
      process.exitCode ||= 1;
    }
  });
}

/** Runs it at the end of the thread: after the program's own listeners, if that ends because nothing is left to do. */
function atExit(work: () => void): void {
  process.on("exit", work);
  process.on("beforeExit", () => {
    process.off("exit", work);
    process.on("exit", work);
  });
}

function tellLeaks(wanted: string): void {
  const report = leaks.report();
  if (!JUST_ON.includes(wanted)) {
    try {
      writeFileSync(wanted, `${JSON.stringify(report)}\n`);
      return;
    } catch (error) {
      internals.print(
        `heapwright: HEAPWRIGHT_LEAKS: ${(error as Error).message}; here is the report instead\n`,
      );
    }
  }
  internals.print(`heapwright: ${report}\n`);
}
