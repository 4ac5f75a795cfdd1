/**
 * C libraries for the tests: the installed one, else Debian's package unpacked into a temporary folder.
 *
 * Nothing is installed and nothing needs root. Where neither can be had, a line says so and the tests that need the
 * library are skipped.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patience } from "../support/surroundings.js";
import { load } from "./c.js";

const LIMIT_MS = 60_000;

const folders: string[] = [];
const known = new Map<string, string | null>();

/** What koffi.load takes; null, and a line on standard output, when there is no such library. */
export function library(soname: string, debianPackage: string): string | null {
  // Looked for once: one that was loaded from its file is found by its name from then on, in this process alone.
  if (!known.has(soname)) known.set(soname, find(soname, debianPackage));
  return known.get(soname)!;
}

function find(soname: string, debianPackage: string): string | null {
  if (loads(soname)) return soname;
  try {
    return unpacked(soname, debianPackage);
  } catch (error) {
    const reason = String(error).split("\n", 1)[0];
    console.log(`skipped: ${soname} is not installed and ${debianPackage} cannot be fetched (${reason})`);
    return null;
  }
}

/** Removes what was unpacked. */
export function removeLibraries(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function loads(path: string): boolean {
  try {
    load(path);
    return true;
  } catch {
    return false;
  }
}

function unpacked(soname: string, debianPackage: string): string {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-library-"));
  folders.push(folder);
  const quiet = { cwd: folder, timeout: patience(LIMIT_MS), stdio: "ignore" } as const;
  execFileSync("apt-get", ["download", debianPackage], quiet);
  const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error("apt-get left no package");
  execFileSync("dpkg-deb", ["-x", archive, folder], quiet);
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith(`/${soname}`),
  );
  const path = join(folder, found ?? soname);
  if (!loads(path)) throw new Error(`the package's ${soname} cannot be loaded`);
  return path;
}
