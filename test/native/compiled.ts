/**
 * C libraries that tests write themselves, compiled into a temporary folder by the system's compiler.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LIMIT_MS = 60_000;
const folders: string[] = [];

/** The path of the library; null, and a line on standard output, where there is no compiler. */
export function compiled(source: URL): string | null {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-compiled-"));
  folders.push(folder);
  const path = join(folder, "library.so");
  const options = [
    "-shared",
    "-fPIC",
    "-O1",
    "-Wall",
    "-Werror",
    "-o",
    path,
    fileURLToPath(source),
    "-lpthread",
  ];
  try {
    execFileSync("cc", options, { stdio: ["ignore", "ignore", "inherit"], timeout: LIMIT_MS });
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log("skipped: what needs a library of its own, for there is no cc");
    return null;
  }
}

export function removeCompiled(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
