/**
 * A project elsewhere that has the package as people get it: packed, and installed.
 *
 * Owns the folder, and running things in it. What the package depends on is installed as it is here, so that nothing of
 * this needs a network; what is fetched besides may not be there.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patience } from "./surroundings.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_MS = 120_000;
const QUIET = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];

export interface Project {
  readonly folder: string;
  readonly tarball: string;
  /** What is in the package. */
  readonly packed: readonly string[];
  /** Runs a program here to its end, and returns what it says. */
  run(program: string, args: readonly string[]): string;
  write(file: string, text: string): void;
  /** Installs packages from the registry into a folder of their own: its path, or null with a line that says why not. */
  fetch(...packages: string[]): string | null;
  remove(): void;
}

export function runIn(cwd: string, program: string, args: readonly string[]): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", timeout: patience(LIMIT_MS), stdio: "pipe" });
}

/** `kind`: what a file named .js is. */
export function makeProject(kind: "module" | "commonjs"): Project {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-project-"));
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ...QUIET];
  const [packed] = JSON.parse(runIn(root, "npm", pack)) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(folder, packed.filename);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: kind }));
  const beside = ["koffi", "@types/node"].map((name) => join(root, "node_modules", name));
  runIn(folder, "npm", ["install", "--ignore-scripts", ...QUIET, tarball, ...beside]);
  return {
    folder,
    tarball,
    packed: packed.files.map(({ path }) => path),
    run: (program, args) => runIn(folder, program, args),
    write: (file, text) => writeFileSync(join(folder, file), text),
    fetch: (...packages) => {
      const own = mkdtempSync(join(folder, "fetched-"));
      writeFileSync(join(own, "package.json"), "{}");
      try {
        runIn(own, "npm", ["install", ...QUIET, ...packages]);
        return own;
      } catch (error) {
        const why = String(error).split("\n", 1)[0];
        process.stdout.write(`skipped: ${packages.join(", ")} cannot be installed (${why})\n`);
        return null;
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
