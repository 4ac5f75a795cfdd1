/**
 * Containers of which the threads are terminated at moments of chance, sixty for each.
 */
import { test } from "uvu";
import { findings } from "../support/child.js";
import { compiled } from "../threads/compiled.js";
import { judgeMap, judgeQueue } from "./judge.js";
import type { Findings as MapFindings } from "./programs/map.js";
import type { Findings as QueueFindings } from "./programs/queue.js";

const TERMINATIONS = 60;
const program = (name: string) => compiled(name, "containers/programs");
const options = { args: [String(TERMINATIONS)] };

test("a queue: every record arrives once and whole", async () => {
  judgeQueue(await findings<QueueFindings>(program("queue"), options), TERMINATIONS);
});

test("a map: nobody sees half a record, or an old one again, and what is not needed is freed", async () => {
  judgeMap(await findings<MapFindings>(program("map"), options), TERMINATIONS);
});

test.run();
