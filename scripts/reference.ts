/**
 * Makes the API reference from the docstrings, as Markdown in dist/reference/ and, of subpaths, in folders there, and fails when something of the API has
 * none, or a value or function has no example.
 *
 *   npm run reference
 *
 * It is made of the declarations that the build has written, or writes now where those are older than their sources.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "./build.js";
import { ENTRIES, type Entry, MAIN } from "./entries.js";
import { extract } from "./extractor.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const reference = join(root, "dist/reference");
/** What an importing program can run. */
const VALUES = new Set(["Function", "Class", "Variable"]);

/** One entry of the extracted API. */
interface Extracted {
  readonly kind: string;
  readonly name: string;
  readonly docComment?: string;
  readonly members?: readonly Extracted[];
}

/** Writes the model of the API of one entry to `file`; returns what is wrong with the docstrings. */
function modelOf(entry: Entry, file: string): string[] {
  const wrong: string[] = [];
  const wanted = {
    docModel: { enabled: true, apiJsonFilePath: file },
    apiReport: {
      enabled: true, // it is what makes the extractor look for docstrings
      reportFileName: "heapwright.api.md",
      reportFolder: dirname(file),
      reportTempFolder: dirname(file),
    },
  };
  extract(
    join(root, `dist/${entry.file}.d.ts`),
    wanted,
    ({ messageId, text, sourceFilePath, sourceFileLine }) => {
      if (messageId === "ae-undocumented" || isSyntax(messageId))
        wrong.push(`${sourceFilePath ?? ""}:${sourceFileLine ?? 0}: ${text}`);
    },
  );
  return wrong;
}

/** A mistake in a docstring's own language; that a parameter has no hyphen is none here. */
function isSyntax(messageId: string): boolean {
  return messageId.startsWith("tsdoc-") && messageId !== "tsdoc-param-tag-missing-hyphen";
}

function withoutExample(file: string): string[] {
  const model = JSON.parse(readFileSync(file, "utf8")) as Extracted;
  const entries = model.members![0]!.members!;
  return entries
    .filter(({ kind, docComment }) => VALUES.has(kind) && !docComment?.includes("@example"))
    .map(({ name }) => `${name} has no example`);
}

function write(folder: string, entry: Entry): void {
  const output = entry === MAIN ? reference : join(reference, entry.file);
  const documenter = dirname(
    createRequire(import.meta.url).resolve("@microsoft/api-documenter/package.json"),
  );
  const args = ["markdown", "--input-folder", folder, "--output-folder", output];
  execFileSync(process.execPath, [join(documenter, "bin/api-documenter"), ...args], { stdio: "ignore" });
}

/** The pages of one entry; how much is wrong with its docstrings. */
function refer(entry: Entry): number {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-reference-"));
  try {
    const file = join(folder, "heapwright.api.json");
    const wrong = [...modelOf(entry, file), ...withoutExample(file)];
    for (const text of wrong) process.stderr.write(`${entry.name}: ${text}\n`);
    write(folder, entry);
    return wrong.length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await buildOnce();
const problems = ENTRIES.reduce((sum, entry) => sum + refer(entry), 0);
process.stdout.write(`reference: ${problems} problems; dist/reference/index.md\n`);
if (problems > 0) process.exitCode = 1;
