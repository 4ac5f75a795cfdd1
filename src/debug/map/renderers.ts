/**
 * What becomes of snapshots by the name of the file that they are written to.
 */
import { show, typeError } from "../../errors.js";
import { pageOf } from "./page.js";
import type { HeapSnapshot } from "./saved.js";
import { fileTextOf } from "./saved-file.js";

/** @throws HeapError ERR_INVALID_ARG for a name with another ending; `operation` is what its message begins with */
export function rendererFor(
  operation: string,
  file: unknown,
): (snapshots: readonly HeapSnapshot[]) => string {
  if (typeof file === "string" && /\.html?$/i.test(file)) return pageOf;
  if (typeof file === "string" && /\.json$/i.test(file)) return fileTextOf;
  throw typeError(
    "ERR_INVALID_ARG",
    `${operation}: the name of the file must end in .html, for a page, or .json, for npx heapwright map; got ${show(file)}`,
  );
}
