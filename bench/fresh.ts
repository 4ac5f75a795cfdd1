/** Whether something built is newer than all it was built from. */
import { statSync } from "node:fs";

export function isFresh(product: string, sources: readonly string[]): boolean {
  const built = modified(product);
  return sources.every((source) => modified(source) < built);
}

/** Never, for what does not exist. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
