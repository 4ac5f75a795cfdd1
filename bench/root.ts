/**
 * Where the project lies, for files that run both as they are and compiled into a folder of their own.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that package.json is in. */
export const ROOT = above(dirname(fileURLToPath(import.meta.url)));

function above(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder)
    throw new Error("the benchmarks lie outside the project: no package.json above them");
  return above(parent);
}
