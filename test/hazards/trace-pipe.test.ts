/**
 * The trace log on a pipe that is full: no line is lost while somebody reads, and the program goes on when nobody does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeArguments } from "../../scripts/runnable.js";
import { patience } from "../support/surroundings.js";

const program = new URL("./programs/slow-log.ts", import.meta.url);
const STEPS = 3000; // some 400 KB of lines, where a pipe holds 64 KiB
const LIMIT_MS = 60_000;

function start(): ChildProcess {
  return spawn(process.execPath, [...nodeArguments(program), String(STEPS)], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: patience(LIMIT_MS),
    killSignal: "SIGKILL",
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.on("close", resolve);
  });
}

test("every step arrives at a reader that is slower than the program", async () => {
  const child = start();
  let text = "";
  child.stderr!.on("data", (part: Buffer) => {
    text += part;
    child.stderr!.pause();
    setTimeout(() => child.stderr!.resume(), 1);
  });
  child.stdout!.resume();
  assert.is(await ended(child), 0);
  assert.is(text.match(/ malloc /g)?.length, STEPS);
  assert.is(text.match(/ free /g)?.length, STEPS);
});

test("a reader that went away does not end the program", async () => {
  const child = start();
  child.stderr!.destroy();
  let printed = "";
  child.stdout!.on("data", (part: Buffer) => {
    printed += part;
  });
  assert.is(await ended(child), 0);
  assert.is(printed, "done\n");
});

test.run();
