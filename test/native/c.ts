/**
 * The tests' own koffi: calling function pointers as C would, and handing libraries what they want.
 */
import { createRequire } from "node:module";

type Call = (...args: unknown[]) => number;

interface Koffi {
  load(
    path: string | null,
    options?: { deep: boolean },
  ): { func(prototype: string): Call & { async: (...args: unknown[]) => void } };
  proto(result: string, parameters: readonly string[]): unknown;
  decode(address: number, type: unknown): Call & { async: (...args: unknown[]) => void };
  errno(code?: number): number;
}

export const koffi = createRequire(import.meta.url)("koffi") as Koffi;
export const ENOMEM = 12;
export const EINVAL = 22;
/** Nothing calls a function pointer of another thread before koffi has made a call of its own in this one. */
export const libc = koffi.load(null);

/**
 * A library that finds its own functions first (RTLD_DEEPBIND). The node executable exports a zlib of its own, and
 * without this the one that is loaded calls into that one, whose structures differ.
 */
export function load(path: string): ReturnType<Koffi["load"]> {
  return koffi.load(path, { deep: true });
}

/** A function pointer as a function. */
export function callable(address: number, result: string, ...parameters: string[]): Call {
  return koffi.decode(address, koffi.proto(result, parameters));
}
