/**
 * The way from a fast path to its slow path: a call that V8 does not inline.
 *
 * V8 counts what it has inlined into malloc when it asks whether malloc is small enough to be inlined into its caller.
 * Called by name, the slow path went into malloc (a program that only allocates at first misses often), and from then on
 * malloc was called by everybody, and every pointer boxed on its way out: 250 instead of 208 instructions for one random
 * replacement. Here all slow paths leave by one call in the code, which has seen several functions: V8 then inlines none.
 *
 * Must not know what the paths do.
 */
type SlowPath = (first: number, second?: number) => number;

/** Enough calls for V8 to keep a record of what is called, before it has anything to compile. */
const LESSONS = 1000;

const paths: SlowPath[] = [(a) => a, (a) => -a];

/** Adds a path; its number is for slowly(). */
export function slowPath(path: SlowPath): number {
  return paths.push(path) - 1;
}

/** Takes a path. */
export function slowly(path: number, first: number, second?: number): number {
  return paths[path]!(first, second);
}

for (let i = 0; i < LESSONS; i++) slowly(i & 1, i);
