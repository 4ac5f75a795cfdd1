/**
 * The way from a fast path to its slow path: a call that V8 does not inline.
 *
 * Before V8 inlines malloc into its caller, it counts the code that it has already inlined into malloc. When the slow path
 * was called by name, V8 inlined it into malloc, since a program that only allocates at first misses the cache often. From
 * then on malloc was too large, was called everywhere, and boxed every pointer that it returned: 250 instead of 208
 * instructions for one random replacement. So all slow paths are called from one call site that has seen several
 * functions: V8 inlines none of them (V8 rule 2).
 *
 * Must not know what the paths do.
 */
type SlowPath = (first: number, second?: number) => number;

/** Calls at load: enough for V8 to collect type feedback at the call site before it compiles anything. */
const LESSONS = 1000;

const paths: SlowPath[] = [(a) => a, (a) => -a];

/** Registers a path for slowly(). Numbers are constants, from 2 on without gaps. */
export function slowPath(number: number, path: SlowPath): void {
  if (number !== paths.length) throw new Error(`slow-paths: ${number} is not the next number`);
  paths.push(path);
}

/** Calls the path of that number. */
export function slowly(path: number, first: number, second?: number): number {
  return paths[path]!(first, second);
}

for (let i = 0; i < LESSONS; i++) slowly(i & 1, i);
