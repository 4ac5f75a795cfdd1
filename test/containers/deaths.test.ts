/**
 * Containers of which the threads are terminated at moments of chance, thirty for each. HEAPWRIGHT_TEST_THREADS asks for more
 * of them.
 */
import { test } from "uvu";
import { findings } from "../support/child.js";
import { compiled } from "../threads/compiled.js";
import { judgeMap, judgeQueue } from "./judge.js";
import type { Findings as MapFindings } from "./programs/map.js";
import type { Findings as QueueFindings } from "./programs/queue.js";

const TERMINATIONS = Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 30);
const program = (name: string) => compiled(name, "containers/programs");
const options = { args: [String(TERMINATIONS)], limitMs: 60_000 + TERMINATIONS * 1000 };

test("a queue: every record arrives once and whole", async () => {
  judgeQueue(await findings<QueueFindings>(program("queue"), options), TERMINATIONS);
});

test("a map: nobody sees half a record, or an old one again, and what is not needed is freed", async () => {
  judgeMap(await findings<MapFindings>(program("map"), options), TERMINATIONS);
});

test.run();
