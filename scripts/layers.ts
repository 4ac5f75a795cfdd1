/**
 * The order of rooms: fails when a file of src/ imports from a room that stands below its own, or when files of one room
 * import each other in a circle.
 *
 * The list is the architecture: a room is a folder, or a file beside the folders, and may import only from those above it.
 * One that is not listed fails too, and so does a listed one that is gone, so that the list stays true.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const rooms = [
  "errors.ts",
  "platform",
  "memory",
  "block",
  "shared",
  "space",
  "large",
  "heap",
  "process",
  "api",
  "access",
  "lifetime",
  "inspect",
  "native",
  "tools.ts",
  "configure.ts",
  "index.ts",
  "containers",
  "debug",
  "cli",
];
/** Only these files may know koffi: one calls C, the other is called by it. */
const koffiOwners = ["platform/os.ts", "native/koffi.ts"];
/** These rooms are subpaths of the package, and see what everybody sees. */
const subpaths = ["containers", "debug"];

const src = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const problems: string[] = [];

for (const room of new Set(files.map(roomOf)))
  if (!rooms.includes(room)) problems.push(`${room} has no place in the order of rooms`);
for (const room of rooms)
  if (!files.some((file) => roomOf(file) === room)) problems.push(`${room} is in the order but not in src/`);
for (const [file, targets] of imports) {
  const own = roomOf(file);
  for (const target of targets) {
    const room = roomOf(target);
    if (rooms.indexOf(room) > rooms.indexOf(own))
      problems.push(`${file} imports from a room below: ${target}`);
    if (subpaths.includes(own) && room !== own && !["index.ts", "errors.ts"].includes(room))
      problems.push(`${file} imports ${target}, which a program cannot`);
  }
  const text = readFileSync(join(src, file), "utf8").replaceAll(/\/\*\*[\s\S]*?\*\//g, ""); // examples may
  if (!koffiOwners.includes(file) && /["']koffi["']/.test(text))
    problems.push(`${file} knows koffi; only ${koffiOwners.join(" and ")} may`);
}
for (const file of files) {
  const circle = circleFrom(file, [file]);
  if (circle !== null && [...circle].sort()[0] === file)
    problems.push(`a circle: ${circle.join(" imports ")}`);
}

for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files in ${rooms.length} rooms, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function roomOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : file;
}

/** The way from a file back to itself inside its room; null when there is none. */
function circleFrom(file: string, way: readonly string[], seen = new Set<string>()): string[] | null {
  for (const next of imports.get(way.at(-1)!) ?? []) {
    if (next === file) return [...way, next];
    if (roomOf(next) !== roomOf(file) || seen.has(next)) continue;
    seen.add(next);
    const circle = circleFrom(file, [...way, next], seen);
    if (circle !== null) return circle;
  }
  return null;
}

/** Relative imports and re-exports of a file, as paths in src/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const specifiers = [...text.matchAll(/\bfrom "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)|^import "(\.[^"]+)"/gm)];
  return specifiers.map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3])!;
    return relative(src, normalize(join(src, dirname(file), specifier))).replace(/\.js$/, ".ts");
  });
}
