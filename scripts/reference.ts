/**
 * Makes the API reference from the docstrings, as Markdown in dist/reference/, and fails when something of the API has
 * none, or a value or function has no example.
 *
 *   npm run reference
 *
 * It is made of the declarations that the build has written.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.js";
import { extract } from "./extractor.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const reference = join(root, "dist/reference");
/** What an importing program can run. */
const VALUES = new Set(["Function", "Class", "Variable"]);

/** One entry of the extracted API. */
interface Entry {
  readonly kind: string;
  readonly name: string;
  readonly docComment?: string;
  readonly members?: readonly Entry[];
}

/** Writes the model of the API to `file`; returns what is wrong with the docstrings. */
function modelOf(file: string): string[] {
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
  extract(join(root, "dist/index.d.ts"), wanted, ({ messageId, text, sourceFilePath, sourceFileLine }) => {
    if (messageId === "ae-undocumented" || isSyntax(messageId))
      wrong.push(`${sourceFilePath ?? ""}:${sourceFileLine ?? 0}: ${text}`);
  });
  return wrong;
}

/** A mistake in a docstring's own language; that a parameter has no hyphen is none here. */
function isSyntax(messageId: string): boolean {
  return messageId.startsWith("tsdoc-") && messageId !== "tsdoc-param-tag-missing-hyphen";
}

function withoutExample(file: string): string[] {
  const model = JSON.parse(readFileSync(file, "utf8")) as Entry;
  const entries = model.members![0]!.members!;
  return entries
    .filter(({ kind, docComment }) => VALUES.has(kind) && !docComment?.includes("@example"))
    .map(({ name }) => `${name} has no example`);
}

function write(folder: string): void {
  const documenter = dirname(
    createRequire(import.meta.url).resolve("@microsoft/api-documenter/package.json"),
  );
  const args = ["markdown", "--input-folder", folder, "--output-folder", reference];
  execFileSync(process.execPath, [join(documenter, "bin/api-documenter"), ...args], { stdio: "ignore" });
}

await build();
const folder = mkdtempSync(join(tmpdir(), "heapwright-reference-"));
try {
  const file = join(folder, "heapwright.api.json");
  const wrong = [...modelOf(file), ...withoutExample(file)];
  for (const text of wrong) process.stderr.write(`${text}\n`);
  write(folder);
  process.stdout.write(`reference: ${wrong.length} problems; dist/reference/index.md\n`);
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
