/**
 * The second tier of the tests, by why they take long. What is not named here is the first tier, which `npm test` runs and
 * which looks at every feature; these look at the same more closely. Paths below test/.
 */
export const SLOW_TESTS: Readonly<Record<string, readonly string[]>> = {
  "threads that are killed or terminated hundreds of times, at any instruction": [
    "containers/deaths.test.ts",
    "threads/death-in-adoption.test.ts",
    "lifetime/heap-terminated.test.ts",
    "threads/every-store.test.ts",
    "threads/generations.test.ts",
    "threads/growth.test.ts",
    "threads/heirs.test.ts",
    "threads/made-heaps-deaths.test.ts",
    "threads/no-robust-list.test.ts",
    "threads/parked.test.ts",
    "threads/terminations.test.ts",
  ],
  "what V8 compiles is only known once it has compiled it": ["deopts.test.ts", "inlining.test.ts"],
  "the package is built, packed and installed": ["commonjs.test.ts", "package.test.ts"],
  "programs that go on until memory, mappings or the stack are out": [
    "large/mappings.test.ts",
    "hazards/at-limit.test.ts",
    "hazards/full-stack.test.ts",
    "hazards/limit.test.ts",
    "hazards/refused.test.ts",
    "hazards/resource-limit.test.ts",
  ],
  "a process for each setting, and for each of very many wrong pointers": [
    "hazards/interior.test.ts",
    "hazards/sbrk.test.ts",
    "hazards/trace-pipe.test.ts",
    "hazards/settings.test.ts",
    "hazards/wild.test.ts",
    "heap/use-after-free.test.ts",
    "walk.test.ts",
  ],
  "what happens only after seconds, or takes several processes or workers": [
    "hazards/cut-off.test.ts",
    "threads/exchange.test.ts",
    "threads/wrong-frees.test.ts",
    "access/generated.test.ts",
    "hazards/give-back.test.ts",
    "lifetime/heap-threads.test.ts",
    "lifetime/model.test.ts",
    "native/ahead.test.ts",
    "hazards/idle.test.ts",
    "threads/idle-owners.test.ts",
  ],
  "whole programs": [
    "benches.test.ts",
    "demo.test.ts",
    "native/libraries.test.ts",
    "native/teardown.test.ts",
    "record.test.ts",
    "shared-map.test.ts",
    "workloads.test.ts",
  ],
};

/** What takes longest, longest first: these are begun before the others, so that no processor is idle in the end. */
export const LONGEST: readonly string[] = [];
