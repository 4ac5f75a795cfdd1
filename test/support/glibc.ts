/**
 * What only glibc has: a malloc_trim, a malloc that uses the program break, and an sbrk that moves it. musl's sbrk refuses.
 */
import koffi from "koffi";

function hasGlibc(): boolean {
  try {
    koffi.load(null).func("int malloc_trim(size_t)");
    return true;
  } catch {
    return false;
  }
}

export const isGlibc = hasGlibc();

/** In place of uvu's test() for what makes sense there alone: `const onGlibc = isGlibc ? test : leftOut`. */
export function leftOut(name: string, _run: unknown): void {
  console.log(`skipped, for this libc is not glibc: ${name}`);
}
