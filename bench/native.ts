/**
 * Native allocators on the traces, in C: what the targets are measured against.
 *
 *   tsx bench/native.ts [PASSES]
 *
 * glibc always; mimalloc, jemalloc and tcmalloc where the system has them as shared libraries (Debian:
 * libmimalloc2.0, libjemalloc2, libtcmalloc-minimal4), put before glibc with LD_PRELOAD.
 */
import { existsSync, readdirSync } from "node:fs";
import { median } from "./compare.js";
import { describeMachine, formatMachine } from "./machine.js";
import { buildNative, runNative } from "./native/build.js";
import { readTrace, traceNames } from "./trace.js";

const WANTED = ["libmimalloc.so", "libjemalloc.so", "libtcmalloc_minimal.so"];
const FOLDERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
const WARM_PASSES = 2;

/** Allocators to try, by the name they are printed under. undefined: glibc as it is. */
function allocators(): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>([["glibc", undefined]]);
  for (const folder of FOLDERS.filter((path) => existsSync(path))) {
    const files = readdirSync(folder);
    for (const wanted of WANTED) {
      const name = wanted.slice("lib".length, -".so".length);
      const file = files.find((candidate) => candidate.startsWith(wanted));
      if (file !== undefined && !found.has(name)) found.set(name, `${folder}/${file}`);
    }
  }
  return found;
}

function printTable(program: string, passes: number): void {
  process.stdout.write("trace     allocator         ns/op   first pass   peak / live\n");
  for (const name of traceNames) {
    const trace = readTrace(name);
    for (const [allocator, preload] of allocators()) {
      const { ns, peakResidentGrowth, peakLive } = runNative(program, trace, passes, preload);
      const settled = median(ns.slice(WARM_PASSES)).toFixed(2).padStart(7);
      const first = ns[0]!.toFixed(2).padStart(10);
      const growth = (peakResidentGrowth / peakLive).toFixed(3).padStart(11);
      process.stdout.write(`${name.padEnd(8)}  ${allocator.padEnd(14)}  ${settled}   ${first}   ${growth}\n`);
    }
  }
}

const build = buildNative();
const passes = Number(process.argv[2] ?? 7);
if (build.program === null) {
  process.stderr.write(`${build.reason}\n`);
  process.exitCode = 1;
} else if (!Number.isSafeInteger(passes) || passes <= WARM_PASSES || passes > 1000) {
  process.stderr.write(`usage: tsx bench/native.ts [PASSES], more than ${WARM_PASSES} and at most 1000\n`);
  process.exitCode = 2;
} else {
  process.stdout.write(formatMachine(describeMachine()));
  printTable(build.program, passes);
}
