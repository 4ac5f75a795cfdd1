/**
 * The tour: what this library does, shown in the terminal, chapter by chapter.
 *
 *   npm run demo
 *
 * What is printed was read from memory, and every claim is verified before the tour ends well: one that does not
 * hold ends it with exit code 1. Each chapter starts with an empty heap and must leave it empty.
 */
import { configure, trim } from "../src/index.js";
import { anInt } from "./demo/an-int.js";
import type { Chapter } from "./demo/chapter.js";
import { deadWorker } from "./demo/dead-worker.js";
import { givingBack } from "./demo/giving-back.js";
import { inside } from "./demo/inside.js";
import { largeBlock } from "./demo/large-block.js";
import { count, heading, line, paint, say } from "./demo/page.js";
import { verifiedSoFar, verifyEmpty } from "./demo/proof.js";
import { replays } from "./demo/replays.js";
import { resizing } from "./demo/resizing.js";
import { severalWorkers } from "./demo/several-workers.js";
import { sharedPointers } from "./demo/shared-pointers.js";
import { smallBlocks } from "./demo/small-blocks.js";
import { splitAndJoin } from "./demo/split-and-join.js";
import { tracing } from "./demo/tracing.js";
import { wrongAccesses } from "./demo/wrong-accesses.js";
import { wrongFrees } from "./demo/wrong-frees.js";

const oneThread: readonly Chapter[] = [
  anInt,
  splitAndJoin,
  smallBlocks,
  resizing,
  givingBack,
  largeBlock,
  wrongFrees,
  wrongAccesses,
  tracing,
  inside,
  replays,
];

/** Chapters in which several threads share the heap come after those of one thread. */
const severalThreads: readonly Chapter[] = [sharedPointers, deadWorker, severalWorkers];

/** The tour shows the library as it is without settings, whatever the environment says. */
const DEFAULTS = {
  limit: Number.POSITIVE_INFINITY,
  mmapThreshold: 128 * 1024,
  trimThreshold: 32 * 1024 * 1024,
  trace: false,
} as const;

async function tour(chapters: readonly Chapter[]): Promise<void> {
  forgetSettings();
  line();
  line(paint.heading("heapwright"));
  say(
    "malloc for Node.js, in TypeScript. Addresses, bytes and figures below are read from this very " +
      "process, and what is said of them is verified.",
  );
  for (const [index, chapter] of chapters.entries()) {
    heading(index + 1, chapter.title);
    await chapter.run();
    verifyEmpty(chapter.title);
    trim();
  }
}

/** Here and in processes that are started from here. */
function forgetSettings(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith("HEAPWRIGHT_")) delete process.env[name];
  configure(DEFAULTS);
}

const start = performance.now();
try {
  await tour([...oneThread, ...severalThreads]);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  line();
  line(paint.good(`All ${count(verifiedSoFar())} claims verified in ${seconds} seconds.`));
} catch (error) {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`\nThe tour ended early. ${why}\n`);
  process.exitCode = 1;
}
