/**
 * Threads that load the library in whatever order have one heap.
 */

import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ChildOptions, findings } from "../support/child.js";
import { compiled } from "./compiled.js";

/** Each is a race of its own. */
const RACES = 4;

function scene<T>(name: string, options: ChildOptions = {}): Promise<T> {
  return findings<T>(compiled("rendezvous"), { ...options, args: [name] });
}

/** Node's permission model, with leave to read the program and what it imports, and nothing else. */
function mayReadItself(): ChildOptions {
  const { allowedNodeEnvironmentFlags: flags } = process;
  const model = flags.has("--permission") ? "--permission" : "--experimental-permission";
  const read = [
    new URL("../../../", compiled("rendezvous")),
    new URL("../../node_modules/", import.meta.url),
  ];
  return {
    nodeArgs: [
      model,
      ...(flags.has("--allow-addons") ? ["--allow-addons"] : []),
      "--allow-worker",
      ...read.map((folder) => `--allow-fs-read=${realpathSync(fileURLToPath(folder))}/*`),
    ],
  };
}

/** A /proc with nothing in it, where this user may mount one. */
const EMPTY_PROC = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"];

test("a worker loads it before the main thread does", async () => {
  assert.equal(await scene("worker first"), { threads: 2, blocks: 0 });
});

test("six workers load it in the same moment, and the main thread later", async () => {
  for (let race = 0; race < RACES; race++) {
    assert.equal(await scene("together"), {
      seen: [6, 6, 6, 6, 6, 6],
      threads: 1,
      blocks: 0,
      allocated: 0,
    });
  }
});

test("workers of workers have it too", async () => {
  assert.equal(await scene("nested"), { blocks: 0, levels: 4 });
});

test("workers with another environment have the settings of the first thread", async () => {
  const { rooms } = await scene<{ rooms: number[] }>("environments");
  assert.is(rooms.length, 5);
  for (const room of rooms) assert.ok(room > 4 && room < 8, `${rooms.join(", ")} MiB under a limit of 8`);
});

test("configure() in a worker counts for all, and comes too late for all after the first allocation", async () => {
  const { first, late, room } = await scene<{ first: string; late: string; room: number }>("settings");
  assert.equal([first, late], ["", "ERR_INVALID_ARG"]);
  assert.ok(room > 4 && room < 8, `${room} MiB under a limit of 8`);
});

test("two copies of the library in a thread have one heap", async () => {
  const one = { threads: 1, blocks: 0, same: true, code: "ERR_DOUBLE_FREE" };
  assert.equal(await scene("copies"), { mine: one, theirs: { ...one, threads: 2 } });
});

async function meetAll(options: ChildOptions): Promise<void> {
  assert.equal(await scene("worker first", options), { threads: 2, blocks: 0 });
  const { threads, blocks } = await scene<{ threads: number; blocks: number }>("together", options);
  assert.equal({ threads, blocks }, { threads: 1, blocks: 0 });
  assert.equal(await scene("native", options), { pointer: true, blocks: 0 });
}

test("under Node's permission model, where /proc cannot be read, too", () => meetAll(mayReadItself()));

const mayMount = spawnSync(EMPTY_PROC[0]!, [...EMPTY_PROC.slice(1), "true"]).status === 0;
if (!mayMount) process.stdout.write("skipped: without /proc (this user may not mount anything)\n");
else test("without /proc, too", () => meetAll({ under: EMPTY_PROC }));

test.run();
