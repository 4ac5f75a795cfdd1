/**
 * Program: the library where it cannot work. Loading it must not throw; each use of it must, and say why.
 *
 *   unsupported.ts platform|processor|version|view|addons|stack   what is in the way; the last two: flags of node
 */
import { createRequire } from "node:module";
import { tell } from "./proc.js";
import type { Library } from "./workload.js";

function pretend(property: "platform" | "arch" | "versions", value: unknown): void {
  Object.defineProperty(process, property, { value });
}

const obstacles: Record<string, () => void> = {
  platform: () => pretend("platform", "darwin"),
  processor: () => pretend("arch", "ia32"),
  version: () => pretend("versions", { ...process.versions, node: "20.16.0" }),
  view: () => {
    const koffi = createRequire(import.meta.url)("koffi") as { view: () => never };
    koffi.view = () => {
      throw new Error("External buffers are not allowed");
    };
  },
  addons: () => {},
  stack: () => {},
};

obstacles[process.argv[2]!]!();

let lib: Library;
try {
  lib = await import("../../../src/index.js");
} catch (error) {
  tell({ loading: String(error), met: {}, messages: [] });
  process.exit(0);
}

const met: Record<string, string> = {};
const messages = new Set<string>();
function attempt(name: string, run: () => unknown): void {
  try {
    met[name] = `returned ${String(run())}`;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    met[name] = code ?? message;
    messages.add(message);
  }
}

const somewhere = 0x5000_0000_0000 as never;
for (const size of [0, 1, 100, 1000, 5000, 100_000, 1_000_000]) {
  attempt(`malloc(${size})`, () => lib.malloc(size));
  attempt(`calloc(1, ${size})`, () => lib.calloc(1, size));
  attempt(`alignedAlloc(64, ${size})`, () => lib.alignedAlloc(64, size));
  attempt(`realloc(NULL, ${size})`, () => lib.realloc(lib.NULL, size));
}
attempt("free", () => lib.free(somewhere));
attempt("realloc", () => lib.realloc(somewhere, 10));
attempt("usableSize", () => lib.usableSize(somewhere));
attempt("check", () => lib.check());
attempt("stats", () => lib.stats());
attempt("trim", () => lib.trim());
attempt("walk", () => [...lib.walk()].length);
attempt("configure", () => lib.configure({ limit: 1e9 }));
attempt("configure trace", () => lib.configure({ trace: true }));
attempt("view", () => lib.view(somewhere, 10));
attempt("buffer", () => lib.buffer(somewhere));
attempt("typed", () => lib.typed(Float64Array, somewhere, 10));
attempt("copy", () => lib.copy(somewhere, somewhere, 10));
attempt("fill", () => lib.fill(somewhere, 0, 10));
attempt("compare", () => lib.compare(somewhere, somewhere, 10));
attempt("cstring", () => lib.cstring("text"));
attempt("readCString", () => lib.readCString(somewhere, 10));
const Point = lib.struct({ x: "f64" });
attempt("struct.alloc", () => Point.alloc());
attempt("struct.at", () => Point.at(somewhere));
attempt("struct.array", () => Point.array(3));
attempt("nativeAllocator", () => lib.nativeAllocator().malloc);
// Whatever stands in for the heap must not be reached: no address is readable, low ones included.
for (let megabyte = 0; megabyte < 16; megabyte++) {
  const pointer = (megabyte * 2 ** 20 + 65_536) as never;
  attempt(`read at ${megabyte} MiB`, () => lib.read.u8(pointer));
  attempt(`write at ${megabyte} MiB`, () => lib.write.u8(pointer, 1));
  attempt(`view at ${megabyte} MiB`, () => lib.view(pointer, 8).length);
  attempt(`free at ${megabyte} MiB`, () => lib.free(pointer));
}
tell({ loading: "fine", met, messages: [...messages] });
