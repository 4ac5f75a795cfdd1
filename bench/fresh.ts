/** Whether something built is newer than all it was built from. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export function isFresh(product: string, sources: readonly string[]): boolean {
  const built = modified(product);
  return sources.every((source) => modified(source) < built);
}

/** The paths of all TypeScript files in a folder and below it. */
export function typeScriptIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));
}

/** Never, for what does not exist. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
