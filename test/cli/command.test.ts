/**
 * The command line as it is built: what it has the tools do, what it passes on, and what it refuses.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HeapSnapshot } from "../../src/debug/index.js";
import { type ChildOptions, type Outcome, runProgram } from "../support/child.js";
import { patience } from "../support/surroundings.js";

const command = new URL("../../dist/cli.js", import.meta.url);
const program = fileURLToPath(new URL("programs/allocates.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heapwright-command-"));
test.after(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string) => join(folder, name);

function heapwright(args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  return runProgram(command, { ...options, args });
}

async function refused(args: readonly string[], message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await heapwright(args);
  assert.equal([code, stdout], [2, ""], stderr);
  assert.match(stderr, message);
  assert.match(stderr, /^heapwright: .*\nnpx heapwright --help says what there is\n$/);
}

test("--help says all of it", async () => {
  for (const args of [["--help"], ["-h"], ["run", "--help"]]) {
    const { code, stdout } = await heapwright(args);
    assert.is(code, 0);
    for (const option of ["leaks", "profile", "map", "trace", "debug", "guard"])
      assert.match(stdout, `--${option}`);
  }
});

test("a map of the program's heap, with its workers'; and a page of it", async () => {
  const outcome = await heapwright(["run", "--map", inFolder("heap.json"), program, "worker", "--x", "y"]);
  assert.equal([outcome.code, outcome.stderr], [0, ""]);
  assert.equal(JSON.parse(outcome.stdout).rest, ["--x", "y"]);
  const { snapshots } = JSON.parse(readFileSync(inFolder("heap.json"), "utf8")) as {
    snapshots: HeapSnapshot[];
  };
  assert.is(snapshots[0]!.stats.blocks, 1100);
  assert.equal(
    snapshots[0]!.heaps.map(({ blocks }) => blocks),
    [1000, 100],
  );
  const rendered = await heapwright(["map", inFolder("heap.json")]);
  assert.equal([rendered.code, rendered.stdout], [0, `${inFolder("heap.html")}\n`]);
  assert.match(readFileSync(inFolder("heap.html"), "utf8"), /^<!doctype html>/);
});

test("leaks, as text and as data", async () => {
  const text = await heapwright(["run", "--leaks", program, "0"]);
  assert.is(text.code, 0);
  assert.match(text.stderr, /1000 blocks/);
  assert.match(text.stderr, /allocates\.mjs:9/);
  const { code, stderr } = await heapwright(["run", `--leaks=${inFolder("leaks.json")}`, program, "0"]);
  assert.equal([code, stderr], [0, ""]);
  const shown = await heapwright(["leaks", inFolder("leaks.json")]);
  assert.is(shown.code, 0);
  assert.match(shown.stdout, /1000 blocks/);
  assert.match(shown.stdout, /allocates\.mjs:9/);
});

test("a map says what leaks knows", async () => {
  await heapwright(["run", "--leaks", "--map", inFolder("known.json"), program, "0"]);
  const { snapshots } = JSON.parse(readFileSync(inFolder("known.json"), "utf8")) as {
    snapshots: HeapSnapshot[];
  };
  assert.ok(snapshots[0]!.stacks.some((stack) => stack.includes("allocates.mjs:9")));
});

test("a profile, of the worker too", async () => {
  const { code, stderr } = await heapwright(["run", "--profile", inFolder("p.pb.gz"), program, "worker"]);
  assert.equal([code, stderr], [0, ""]);
  for (const name of ["p.pb.gz", "p.worker-1.pb.gz"]) {
    const profile = Profile.decode(gunzipSync(readFileSync(inFolder(name))));
    assert.is(profile.sampleType.length, 4);
  }
});

test("a trace, a setting and Node's own options are passed on", async () => {
  const { stdout, stderr } = await heapwright(["run", "--trace", program, "0"], {
    nodeArgs: ["--stack-size=900"],
  });
  assert.match(stderr, /^heapwright\[0\] malloc/m);
  assert.equal(JSON.parse(stdout).arguments, ["--stack-size=900"]);
});

test("--debug catches a wrong access", async () => {
  const { code, stderr } = await heapwright(["run", "--debug", program, "overrun"]);
  assert.is(code, 1);
  assert.match(stderr, /ERR_OUT_OF_BOUNDS/);
});

test("exit codes and signals", async () => {
  assert.is((await heapwright(["run", program, "41"])).code, 41);
  const killed = await heapwright(["run", program, "signal"]);
  assert.equal([killed.code, killed.signal], [null, "SIGTERM"]);
  const child = spawn(process.execPath, [fileURLToPath(command), "run", program, "wait"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), patience(60_000));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (text.includes("ready")) child.kill("SIGUSR2");
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  assert.is(code, 7);
});

test("what makes no sense", async () => {
  writeFileSync(inFolder("other.json"), '{"format":"heapwright map","version":99,"snapshots":[]}');
  writeFileSync(inFolder("leaks-99.json"), '{"version":99,"groups":[]}');
  writeFileSync(inFolder("text.json"), "no JSON");
  await refused([], /no command/);
  await refused(["walk"], /there is no command walk/);
  await refused(["run"], /no program/);
  await refused(["run", "--nonsense", program], /--nonsense/);
  await refused(["run", inFolder("gone.mjs")], /there is no program .*gone\.mjs/);
  await refused(["run", "--map", "heap.png", program], /--map: .*\.html.*got "heap\.png"/);
  await refused(["run", "--map", "/nowhere/heap.html", program], /--map: there is no folder \/nowhere/);
  await refused(["run", "--profile", "p.txt", program], /--profile: .*\.heapprofile/);
  await refused(["run", "--profile"], /--profile/);
  await refused(["run", "--trace=1", program], /--trace/);
  await refused(["map"], /map: no file/);
  await refused(["map", inFolder("gone.json")], /ENOENT.*gone\.json/);
  await refused(["map", inFolder("text.json")], /text\.json: no saved map/);
  await refused(["map", inFolder("other.json")], /version 99, and this heapwright reads version 1/);
  await refused(["leaks", inFolder("gone.json")], /ENOENT.*gone\.json/);
  await refused(["leaks", inFolder("text.json")], /text\.json: no saved report; write one/);
  await refused(["leaks", inFolder("other.json")], /other\.json: no saved report; write one/);
  await refused(
    ["run", "--leaks", "leaks.json", program],
    /leaks\.json is no program; .*--leaks=leaks\.json/,
  );
  await refused(["leaks", inFolder("leaks-99.json")], /version 99, and this heapwright reads version 1/);
  await refused(["leaks", inFolder("leaks-99.json"), "--lines", "x"], /--lines: .*got "x"/);
  assert.not(existsSync(inFolder("other.html")));
});

test("a wrong name in the environment is told, and the program runs", async () => {
  const env = { HEAPWRIGHT_MAP: "heap.png", HEAPWRIGHT_PROFILE: "p.txt" };
  const { code, stdout, stderr } = await runProgram(new URL("programs/allocates.mjs", import.meta.url), {
    env,
    args: ["0"],
  });
  assert.is(code, 0);
  assert.ok(stdout.length > 0);
  assert.match(stderr, /^heapwright: HEAPWRIGHT_MAP: .*\nheapwright: HEAPWRIGHT_PROFILE: .*\n$/);
});

test("a file of the environment's that cannot be written is told with its variable", async () => {
  const env = { HEAPWRIGHT_MAP: "/nowhere/heap.html", HEAPWRIGHT_PROFILE: "/nowhere/p.html" };
  const { code, stderr } = await runProgram(new URL("programs/allocates.mjs", import.meta.url), {
    env,
    args: ["0"],
  });
  assert.is(code, 0);
  const lines = stderr.trimEnd().split("\n").sort();
  assert.is(lines.length, 2, stderr);
  assert.match(lines[0]!, /^heapwright: HEAPWRIGHT_MAP: ENOENT/);
  assert.match(lines[1]!, /^heapwright: HEAPWRIGHT_PROFILE: ENOENT/);
});

test.run();
