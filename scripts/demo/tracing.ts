/**
 * Tracing: the heap tells each of its steps to a function, while it happens.
 */
import { configure, free, malloc, NULL, realloc, type TraceEvent, type TraceStep } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { code, count, hex, line, paint, say } from "./page.js";
import { verify } from "./proof.js";

const MEANING: Record<TraceStep, string> = {
  malloc: "asked for",
  calloc: "asked for, zeroed",
  aligned: "asked for, aligned",
  realloc: "asked for now",
  free: "given back by the program",
  split: "the part cut off",
  "coalesce forward": "coalesced with the free block above",
  "coalesce backward": "coalesced with the free block below",
  grow: "address space added to the heap",
  mmap: "a mapping from the kernel",
  mremap: "the mapping, resized by the kernel",
  munmap: "the mapping, back to the kernel",
  shrink: "a segment that holds nothing is given up",
  purge: "pages given back to the kernel",
};

export const tracing: Chapter = {
  title: "Every step can be followed",
  run() {
    say(
      "configure({ trace: print }) calls print with each step: its name, the address it concerns, and " +
        "bytes. While tracing is off it costs nothing. HEAPWRIGHT_TRACE=1 in the environment writes the same " +
        "to standard error.",
    );
    const seen = new Set<TraceStep>();
    configure({
      trace: (event) => {
        seen.add(event.step);
        print(event);
      },
    });
    try {
      inTheHeap();
      outsideIt();
    } finally {
      configure({ trace: false });
    }
    line();
    const steps: TraceStep[] = [
      "malloc",
      "free",
      "split",
      "coalesce forward",
      "coalesce backward",
      "realloc",
    ];
    for (const step of [...steps, "mmap", "mremap", "munmap"] as const)
      verify(seen.has(step), `${step} was told`);
    const told = seen.size;
    free(malloc(30_000));
    free(malloc(300_000));
    verify(seen.size === told, "nothing is told once tracing is off");
  },
};

function inTheHeap(): void {
  let [a, b, c] = [NULL, NULL, NULL];
  traced("a = malloc(30000)", () => (a = malloc(30_000)));
  traced("b = malloc(30000)", () => (b = malloc(30_000)));
  traced("c = malloc(30000)", () => (c = malloc(30_000)));
  traced("free(b)", () => free(b));
  traced("a = realloc(a, 45000)", () => (a = realloc(a, 45_000)));
  traced("free(a)", () => free(a));
  traced("free(c)", () => free(c));
}

function outsideIt(): void {
  let large = NULL;
  traced("large = malloc(1000000)", () => (large = malloc(1_000_000)));
  traced("large = realloc(large, 2000000)", () => (large = realloc(large, 2_000_000)));
  traced("free(large)", () => free(large));
}

function traced(program: string, action: () => void): void {
  code(program);
  action();
}

function print({ step, address, size }: TraceEvent): void {
  const figures = `${hex(address).padEnd(16)}${count(size).padStart(10)} bytes`;
  line(`      ${paint.live(step.padEnd(18))}${figures}   ${paint.faint(MEANING[step])}`);
}
