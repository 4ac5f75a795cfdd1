/**
 * The native allocators of this machine: glibc's, and those put before it with LD_PRELOAD where the system has them as
 * shared libraries (Debian: libmimalloc2.0, libjemalloc2, libtcmalloc-minimal4).
 */
import { existsSync, readdirSync } from "node:fs";

export interface NativeAllocator {
  readonly name: string;
  /** Path of the library; undefined for glibc as it is. */
  readonly preload: string | undefined;
}

export const GLIBC = "glibc";

const WANTED = { mimalloc: "libmimalloc.so", jemalloc: "libjemalloc.so", tcmalloc: "libtcmalloc_minimal.so" };
const FOLDERS = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/lib",
];

export function nativeAllocators(): NativeAllocator[] {
  const found: NativeAllocator[] = [{ name: GLIBC, preload: undefined }];
  for (const [name, file] of Object.entries(WANTED)) {
    const preload = FOLDERS.map((folder) => libraryIn(folder, file)).find((path) => path !== undefined);
    if (preload !== undefined) found.push({ name, preload });
  }
  return found;
}

function libraryIn(folder: string, file: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const match = readdirSync(folder).find((candidate) => candidate.startsWith(file));
  return match === undefined ? undefined : `${folder}/${match}`;
}
