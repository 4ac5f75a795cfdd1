/**
 * What begins by itself when the tools are loaded: because the environment says so, or because another thread has begun.
 */
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { internals } from "../index.js";
import { leaks } from "./leaks.js";
import { hasMainThread } from "./notes.js";
import { sharedState } from "./shared.js";

/** What switches a tool on, and is no name of a file. */
const JUST_ON = ["1", "true", "on", "yes"];

const state = sharedState("begin", () => ({ hasBegun: false }));

/** Begins what the environment asks for; the second time, nothing. */
export function begin(): void {
  if (state.hasBegun || internals.unusable !== null) return;
  state.hasBegun = true;
  const wanted = internals.setting("HEAPWRIGHT_LEAKS");
  if (wanted === null && !internals.isNoting) return;
  leaks.start();
  if (wanted !== null && (isMainThread || !hasMainThread())) atExit(() => tellLeaks(wanted));
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
