/**
 * A profile as a file, in the format that the name asks for.
 */
import { writeFileSync } from "node:fs";
import { show, typeError } from "../../errors.js";
import type { ProfileData } from "../profile-data.js";
import { flamePageOf } from "./flame-page.js";
import { heapProfileOf } from "./heap-profile.js";
import { loadPprof, pprofOf } from "./pprof.js";

/** Endings, the longer ones first. */
const FORMATS: readonly (readonly [string, (data: ProfileData) => string | Uint8Array])[] = [
  [".allocated.heapprofile", (data) => heapProfileOf(data, "allocatedBytes")],
  [".heapprofile", (data) => heapProfileOf(data, "liveBytes")],
  [".pb.gz", pprofOf],
  [".html", flamePageOf],
];

/**
 * Writes a profile to a file. Its ending says how:
 *
 * - `.heapprofile`: opens in the Memory panel of Chrome's DevTools and in VS Code; has what is live. What ends in
 *   `.allocated.heapprofile` has what was allocated since the start, freed or not.
 * - `.pb.gz`: for `pprof` and what reads its files; has both. Needs the package `pprof-format`.
 * - `.html`: a flame graph that a browser shows without a network; has both.
 *
 * @throws HeapError ERR_INVALID_ARG for another ending; ERR_INVALID_STATE for a `.pb.gz` where pprof-format is not installed;
 *   the error of node:fs when the file cannot be written
 *
 * @example
 * ```ts
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { writeProfile } from "heapwright/debug";
 *
 * const stack = [{ function: "makeRecord", file: "/app/main.js", line: 10, column: 5 }];
 * const sums = { allocatedBytes: 3000, allocatedCount: 3, liveBytes: 1000, liveCount: 1 };
 * const data = { every: 524288, startTime: Date.now(), durationMs: 1000, samples: [{ stack, ...sums }] };
 * const folder = mkdtempSync(join(tmpdir(), "profile-"));
 * const file = join(folder, "main.heapprofile");
 * writeProfile(data, file);
 * const { head } = JSON.parse(readFileSync(file, "utf8"));
 * console.log(head.children[0].callFrame.functionName, head.children[0].selfSize); // makeRecord 1000
 * rmSync(folder, { recursive: true });
 * ```
 */
export function writeProfile(data: ProfileData, file: string): void {
  writeFileSync(file, encoderFor("writeProfile", file)(data));
}

/**
 * `operation` is what the messages begin with.
 *
 * @throws HeapError ERR_INVALID_ARG for a name with another ending; ERR_INVALID_STATE where what writes it is not installed
 */
export function encoderFor(operation: string, file: unknown): (data: ProfileData) => string | Uint8Array {
  const format = FORMATS.find(([ending]) => typeof file === "string" && file.toLowerCase().endsWith(ending));
  if (format?.[1] === pprofOf) loadPprof(operation);
  if (format !== undefined) return format[1];
  throw typeError(
    "ERR_INVALID_ARG",
    `${operation}: the name of the file must end in .heapprofile, .pb.gz or .html; got ${show(file)}`,
  );
}
