/**
 * Which copy of koffi calls the program's libraries. With platform/os.ts the only import of koffi, which is loaded at the
 * first use.
 *
 * Owns the part of koffi's interface that function pointers take, and finding out whether another copy is loaded. Must not know
 * callbacks.
 */
import { HeapError, show, typeError } from "../errors.js";
import { fileSystem, load } from "../platform/os.js";

/** Offset of the path in struct dl_phdr_info. */
const PATH_IN_PHDR_INFO = 8;

export type CFunctionCall = (...args: unknown[]) => number;

/** The part of koffi that is used here. */
export interface Koffi {
  readonly version: string;
  /** From koffi 3 on. */
  readonly node?: { readonly env?: unknown };
  load(path: null): {
    func(prototype: string): CFunctionCall;
    func(name: string, result: string, parameters: readonly unknown[]): CFunctionCall;
  };
  decode(value: unknown, offset: number, type: "str"): string;
  decode(address: number, type: unknown): unknown;
  proto(result: string, parameters: readonly string[]): unknown;
  pointer(type: unknown): unknown;
  register(callback: (...args: never[]) => unknown, type: unknown): bigint;
  view(address: number, bytes: number): ArrayBuffer;
  errno(value: number): number;
}

/** The copy of koffi that this library imports. */
export function ownKoffi(): Koffi {
  return load("koffi") as Koffi;
}

/**
 * The koffi that a program gives, or this library's own if it gives none.
 *
 * @throws HeapError ERR_INVALID_ARG when that is not koffi, or before version 3; ERR_INVALID_STATE when it gives none and the
 *   process has loaded more than one copy
 */
export function koffiFor(given: unknown): Koffi {
  return given === undefined ? onlyKoffi() : checkedKoffi(given);
}

/** ownKoffi(), if no other copy is loaded, which the program may call the library with. */
function onlyKoffi(): Koffi {
  const koffi = ownKoffi();
  const copies = loadedObjects(koffi).filter((path) => path.endsWith("/koffi.node"));
  if (new Set(copies).size <= 1) return koffi;
  throw new HeapError(
    "ERR_INVALID_STATE",
    "nativeAllocator: more than one copy of koffi is loaded, and function pointers work in calls of the copy that made them; " +
      "say which one calls the library: nativeAllocator({ koffi })",
  );
}

function checkedKoffi(koffi: unknown): Koffi {
  const { register, version } = Object(koffi) as Partial<Koffi>;
  if (typeof register === "function" && Number.parseInt(`${version}`, 10) >= 3) return koffi as Koffi;
  const got = typeof version === "string" ? `version ${version}` : show(koffi);
  throw typeError(
    "ERR_INVALID_ARG",
    `nativeAllocator: koffi must be the module as import koffi from "koffi" gives it, version 3, got ${got}`,
  );
}

/** Paths of the libraries in the process: from /proc, or the dynamic linker's where that cannot be read. */
function loadedObjects(koffi: Koffi): string[] {
  try {
    return fileSystem().readFileSync("/proc/self/maps", "latin1").match(/\/.+$/gm) ?? [];
  } catch {
    return linkedObjects(koffi);
  }
}

/** Takes a callback slot while it runs. */
function linkedObjects(koffi: Koffi): string[] {
  const paths: string[] = [];
  const visit = koffi.pointer(koffi.proto("int", ["void *", "size_t", "void *"]));
  koffi.load(null).func("dl_iterate_phdr", "int", [visit, "void *"])((info: unknown) => {
    paths.push(koffi.decode(info, PATH_IN_PHDR_INFO, "str"));
    return 0;
  }, null);
  return paths;
}
