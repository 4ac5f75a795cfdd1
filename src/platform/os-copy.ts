/**
 * memcpy between addresses that may be unmapped or read-only: it reports an error where a load or a store would end the
 * process with a signal.
 *
 * Owns the choice of the system call. Uses process_vm_readv(2) on the process itself. Where that is forbidden or fails, the rest goes through a memfd: ten
 * times slower, but it tells which of the two addresses is bad.
 */
import type { Declare } from "./os-threads.js";

/**
 * Copies `bytes` bytes, up to the first that cannot be copied. Returns how many could be read at the source, and how many
 * were copied; both NaN where the kernel forbids both ways. The first call declares a function to koffi.
 */
export type CopyUnchecked = (
  target: number,
  source: number,
  bytes: number,
) => { readable: number; copied: number };

interface FileCalls {
  pwrite(file: number, from: number, bytes: number, offset: number): number;
  pread(file: number, to: number, bytes: number, offset: number): number;
}

/** Bytes that go through the memfd at a time. */
const MOST_AT_ONCE = 2 ** 20;

export function openCopier(
  declare: Declare,
  inMemoryFile: <T>(name: string, work: (file: number) => T) => T | null,
  { pwrite, pread }: FileCalls,
): CopyUnchecked {
  let readv: ReturnType<Declare> | null = null;

  const throughFile: CopyUnchecked = (target, source, bytes) =>
    inMemoryFile("heapwright-copy", (file) => {
      let copied = 0;
      for (let part = 1; copied < bytes; copied += part) {
        const readable = Math.max(
          0,
          pwrite(file, source + copied, Math.min(bytes - copied, MOST_AT_ONCE), 0),
        );
        part = readable === 0 ? 0 : Math.max(0, pread(file, target + copied, readable, 0));
        if (part < readable || readable === 0) return { readable: copied + readable, copied: copied + part };
      }
      return { readable: copied, copied };
    }) ?? { readable: Number.NaN, copied: Number.NaN };

  return (target, source, bytes) => {
    readv ??= declare("long process_vm_readv(int, void *, ulong, void *, ulong, ulong)");
    const [to, from] = [new BigUint64Array(2), new BigUint64Array(2)];
    let copied = 0;
    for (let part = 1; copied < bytes && part > 0; copied += Math.max(0, part)) {
      to.set([BigInt(target + copied), BigInt(bytes - copied)]);
      from.set([BigInt(source + copied), BigInt(bytes - copied)]);
      part = readv(process.pid, to, 1, from, 1, 0);
    }
    if (copied === bytes) return { readable: copied, copied };
    const rest = throughFile(target + copied, source + copied, bytes - copied);
    return { readable: copied + rest.readable, copied: copied + rest.copied };
  };
}
