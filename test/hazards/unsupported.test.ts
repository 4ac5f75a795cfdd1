/**
 * Where the heap cannot work: loading the library is fine, and its first use, whatever it is, throws
 * ERR_UNSUPPORTED_PLATFORM with the reason.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ChildOptions, findings } from "../support/child.js";

interface Found {
  loading: string;
  /** The code that each use met, or what it returned. */
  met: Record<string, string>;
  messages: string[];
}

const program = new URL("./programs/unsupported.ts", import.meta.url);

async function refusesEverything(
  obstacle: string,
  reason: RegExp,
  options: ChildOptions = {},
): Promise<void> {
  const { loading, met, messages } = await findings<Found>(program, { args: [obstacle], ...options });
  assert.is(loading, "fine");
  const wrong = Object.keys(met).filter((use) => met[use] !== "ERR_UNSUPPORTED_PLATFORM");
  assert.is(wrong.map((use) => `${use} ${met[use]}`).join("; "), "", "every use is refused");
  assert.ok(Object.keys(met).length > 80);
  assert.is(messages.length, 1, "one reason, always the same");
  assert.match(messages[0]!, reason);
}

test("another operating system", () => refusesEverything("platform", /darwin/));

test("another processor", () => refusesEverything("processor", /ia32/));

test("an old Node", () => refusesEverything("version", /20\.16\.0/));

test("a runtime that forbids external buffers", () => refusesEverything("view", /External buffers/));

test("a stack that is too small", () =>
  refusesEverything("stack", /needs 96000 bytes of JavaScript's stack/, { nodeArgs: ["--stack-size=100"] }));

test("tracing from the environment where nothing works", () =>
  refusesEverything("platform", /darwin/, { env: { HEAPWRIGHT_TRACE: "1" } }));

test("Node's permission model without native add-ons", async () => {
  const flag = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  const nodeArgs = [
    flag,
    "--allow-fs-read=*",
    "--allow-fs-write=*",
    "--allow-worker",
    "--allow-child-process",
  ];
  await refusesEverything("addons", /koffi could not be loaded/, { nodeArgs });
});

test.run();
