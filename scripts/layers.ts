/**
 * The order of layers: fails when a file of src/ imports one that stands above it in the list.
 *
 * The list is the architecture: a file may import only from those before it. A file that is not listed fails too,
 * and so does a listed one that is gone, so that the list stays true.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const order = [
  "errors.ts",
  "core/stack.ts",
  "core/os-threads.ts",
  "core/os.ts",
  "core/memory.ts",
  "core/control-words.ts",
  "core/control.ts",
  "core/heaps.ts",
  "core/watch.ts",
  "core/lock.ts",
  "core/hooks.ts",
  "core/place.ts",
  "core/block.ts",
  "core/bins.ts",
  "core/loops.ts",
  "core/cache.ts",
  "core/hot.ts",
  "core/bundles.ts",
  "core/record-words.ts",
  "core/record.ts",
  "core/account.ts",
  "core/inbox.ts",
  "core/remote.ts",
  "core/rendezvous.ts",
  "core/reserve.ts",
  "core/segments.ts",
  "core/mappings.ts",
  "core/large-places.ts",
  "core/large-atlas.ts",
  "core/large-changes.ts",
  "core/large.ts",
  "core/runs.ts",
  "core/trim.ts",
  "core/extent.ts",
  "core/wilderness.ts",
  "core/store.ts",
  "core/sweep.ts",
  "core/recover.ts",
  "core/joins.ts",
  "core/stock.ts",
  "core/elsewhere.ts",
  "core/heap.ts",
  "core/resize.ts",
  "core/diagnose.ts",
  "core/settings.ts",
  "core/adopt.ts",
  "core/process.ts",
  "slow-paths.ts",
  "attached.ts",
  "malloc.ts",
  "aligned.ts",
  "realloc.ts",
  "access/place.ts",
  "access/read.ts",
  "access/write.ts",
  "access/view.ts",
  "access/bytes.ts",
  "access/cstring.ts",
  "access/shape.ts",
  "access/layout.ts",
  "access/shown.ts",
  "access/codec.ts",
  "access/record.ts",
  "access/koffi.ts",
  "access/struct.ts",
  "lifetime/disposal.ts",
  "lifetime/pointers.ts",
  "lifetime/scope.ts",
  "lifetime/arena.ts",
  "lifetime/own.ts",
  "inspect/walk.ts",
  "inspect/check-shared.ts",
  "inspect/check.ts",
  "inspect/stats.ts",
  "inspect/trim.ts",
  "inspect/log.ts",
  "native/thunk.ts",
  "native/callbacks.ts",
  "native/account.ts",
  "native/c-functions.ts",
  "native/allocator.ts",
  "configure.ts",
  "index.ts",
];
/** Only these files may know koffi: one calls C, the other is called by it. */
const koffiOwners = ["core/os.ts", "native/callbacks.ts"];

const src = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const problems: string[] = [];

for (const file of files)
  if (!order.includes(file)) problems.push(`${file} has no place in the order of layers`);
for (const file of order) if (!files.includes(file)) problems.push(`${file} is in the order but not in src/`);
for (const file of files) {
  for (const target of importsOf(file)) {
    if (order.indexOf(target) >= order.indexOf(file)) problems.push(`${file} imports upwards: ${target}`);
  }
  const text = readFileSync(join(src, file), "utf8").replaceAll(/\/\*\*[\s\S]*?\*\//g, ""); // examples may
  if (!koffiOwners.includes(file) && /["']koffi["']/.test(text))
    problems.push(`${file} knows koffi; only ${koffiOwners.join(" and ")} may`);
}

for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Relative imports and re-exports of a file, as paths in src/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const specifiers = [...text.matchAll(/\bfrom "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)|^import "(\.[^"]+)"/gm)];
  return specifiers.map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3])!;
    return relative(src, normalize(join(src, dirname(file), specifier))).replace(/\.js$/, ".ts");
  });
}
