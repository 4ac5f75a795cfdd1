/**
 * Program: the process has loaded a second copy of koffi, and C is called through that.
 */
import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type HeapError, nativeAllocator } from "../../../src/index.js";
import { report } from "./report.js";

interface Koffi {
  proto(result: string, parameters: readonly string[]): unknown;
  decode(address: number, type: unknown): (...args: unknown[]) => number;
  errno(code?: number): number;
}

const BLOCKS = 200;

const require = createRequire(import.meta.url);
const own = require("koffi") as Koffi;
const folder = mkdtempSync(join(tmpdir(), "heapwright-koffi-"));
const other = copied();

/** The package and its binary, side by side in another folder. */
function copied(): Koffi {
  const modules = join(dirname(require.resolve("koffi")), "..");
  for (const name of ["koffi", "@koromix"]) {
    cpSync(realpathSync(join(modules, name)), join(folder, "node_modules", name), { recursive: true });
  }
  return createRequire(join(folder, "program.js"))("koffi") as Koffi;
}

function refusal(options?: object): string {
  try {
    nativeAllocator(options);
    return "none";
  } catch (error) {
    const { code, message } = error as HeapError;
    return `${code}: ${message}`;
  }
}

/** Allocates and frees through function pointers that C reaches by this copy. */
function use(koffi: Koffi): object {
  using memory = nativeAllocator({ koffi, limit: 100_000 });
  const malloc = koffi.decode(memory.malloc, koffi.proto("uintptr_t", ["size_t"]));
  const free = koffi.decode(memory.free, koffi.proto("void", ["uintptr_t"]));
  const blocks = Array.from({ length: BLOCKS }, () => malloc(100));
  const { blocks: held } = memory;
  for (const block of blocks) free(block);
  koffi.errno(0);
  const tooMuch = malloc(1_000_000);
  return { distinct: new Set(blocks).size, held, left: memory.blocks, tooMuch, errno: koffi.errno() };
}

const found = {
  unsaid: refusal(),
  old: refusal({ koffi: { version: "2.16.0", register() {} } }),
  none: refusal({ koffi: "koffi" }),
  isOther: other !== own,
  throughOther: use(other),
  throughOwn: use(own),
  again: use(other),
};
rmSync(folder, { recursive: true, force: true });
report(found);
