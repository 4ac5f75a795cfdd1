/**
 * What is told of programs that a wrong access of C's ended: the block that was meant, how far the access was off, and the lines that
 * allocated and freed it, by the parent process and from the note that was left.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ChildOptions, type Outcome, runProgram } from "../support/child.js";

const command = new URL("../../dist/cli.js", import.meta.url);
const program = new URL("programs/crashes.mjs", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "heapwright-crashes-"));
test.after(() => rmSync(folder, { recursive: true }));

/** In a folder of its own for what is temporary. */
function heapwright(args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  return runProgram(command, { ...options, args, env: { TMPDIR: folder, ...options.env } });
}

/** The line of a program where a text is, as stacks name it. */
function lineOf(text: string): string {
  const lines = readFileSync(program, "utf8").split("\n");
  return `crashes\\.mjs:${lines.findIndex((line) => line.includes(text)) + 1}:`;
}

const ALLOCATED = `allocated by malloc in the main thread, 2\\d\\d\\d-[^\\n]+Z\\n +at allocateHere \\(.*${lineOf("const allocateHere")}`;
const FREED = `freed by free in (the main thread|worker 1), 2\\d\\d\\d-[^\\n]+Z\\n +at freeHere \\(.*${lineOf("const freeHere")}`;
const LIVE = "the block of 64 bytes at 0x[0-9a-f]+\\n +";
const DEAD = "the block of 64 bytes at 0x[0-9a-f]+, which was freed\\n +";

const crashes: Readonly<Record<string, string>> = {
  "written behind": `0 bytes past the end of ${LIVE}${ALLOCATED}`,
  "read behind": `99 bytes past the end of ${LIVE}${ALLOCATED}`,
  "written before": `5 bytes before ${LIVE}${ALLOCATED}`,
  "read after free": `byte 7 of ${DEAD}${ALLOCATED}[\\s\\S]*${FREED}`,
  "written after free": `byte 0 of ${DEAD}${ALLOCATED}[\\s\\S]*${FREED}`,
  "an old view": `byte 3 of ${DEAD}${ALLOCATED}[\\s\\S]*${FREED}`,
  "freed by a worker": `byte 0 of ${DEAD}${ALLOCATED}[\\s\\S]*freed by free in worker 1[\\s\\S]*${FREED.slice(60)}`,
  "a C library's": `\\d+ bytes past the end of the block of 4096 bytes at 0x[0-9a-f]+\\n[\\s\\S]*at callC \\(.*${lineOf("const callC")}`,
};

for (const [kind, said] of Object.entries(crashes)) {
  test(`${kind}: the parent names the block`, async () => {
    const { signal, stdout, stderr } = await heapwright(["run", "--guard=1", fileURLToPath(program), kind]);
    assert.is(signal, "SIGSEGV", stderr);
    const address = stdout.trim();
    assert.match(stderr, new RegExp(`^heapwright: a wrong access ended the program\n${address} is ${said}`));
    const [, note] = /npx heapwright explain (\S+) says it again\n$/.exec(stderr) ?? [];
    for (const args of [
      ["explain", note!],
      ["explain", note!, address],
    ]) {
      const again = await heapwright(args);
      assert.is(again.code, 0, again.stderr);
      assert.match(again.stdout, new RegExp(`^${address} is ${said}`));
    }
    rmSync(dirname(note!), { recursive: true });
  });
}

test("an access that has nothing to do with these blocks is told as such", async () => {
  const { signal, stderr } = await heapwright(["run", "--guard=1", fileURLToPath(program), "elsewhere"]);
  assert.is(signal, "SIGSEGV");
  assert.match(stderr, /\n0x10000 is not near a block with pages of its own\n/);
});

test("where no address is known, the blocks are listed, those freed last first", async () => {
  const outcome = await heapwright(["run", "--guard=1", fileURLToPath(program), "none, and a signal"]);
  assert.is(outcome.signal, "SIGSEGV");
  assert.match(
    outcome.stderr,
    new RegExp(
      `\nthe address is not known; [^\n]*\nfreed: 64 bytes at 0x[0-9a-f]+\n +${ALLOCATED}[\\s\\S]*${FREED}`,
    ),
  );
});

test("a program that comes to its end leaves nothing, and neither does one that throws", async () => {
  const own = mkdtempSync(join(folder, "own-"));
  const env = { TMPDIR: own };
  const quiet = await heapwright(["run", "--guard", fileURLToPath(program), "no crash"], { env });
  assert.equal([quiet.code, quiet.stderr], [0, ""]);
  const thrown = await heapwright(["run", "--guard=1", fileURLToPath(program), "by JavaScript"], { env });
  assert.is(thrown.code, 1);
  assert.match(thrown.stderr, new RegExp(`ERR_DOUBLE_FREE[\\s\\S]*${ALLOCATED}[\\s\\S]*${FREED}`));
  assert.not.match(thrown.stderr, /npx heapwright explain/);
  const left = readdirSync(own).filter((name) => name.startsWith("heapwright-"));
  assert.equal(left, []);
});

test("without the command: HEAPWRIGHT_GUARD_NOTES has the note stay", async () => {
  const notes = mkdtempSync(join(tmpdir(), "heapwright-notes-"));
  const env = { HEAPWRIGHT_GUARD: "1", HEAPWRIGHT_GUARD_NOTES: notes };
  const { signal, stdout } = await runProgram(program, { env, args: ["written behind"] });
  assert.is(signal, "SIGSEGV");
  const [note, ...more] = readdirSync(notes);
  assert.equal(more, []);
  const told = await heapwright(["explain", join(notes, note!), stdout.trim()]);
  assert.match(told.stdout, new RegExp(ALLOCATED));
  rmSync(notes, { recursive: true });
});

test("what makes no sense", async () => {
  for (const [value, said] of [
    [
      "0.5",
      /^heapwright: HEAPWRIGHT_GUARD: give a whole number from 1 to 999999999, or "on" for \d+, got "0.5"\n$/,
    ],
    ["x", /HEAPWRIGHT_GUARD: give a whole number/],
    ["0", /^$/],
    ["on", /^$/],
  ] as const) {
    const { code, stderr } = await runProgram(program, {
      env: { HEAPWRIGHT_GUARD: value },
      args: ["no crash"],
    });
    assert.is(code, 0);
    assert.match(stderr, said);
  }
  const env = { HEAPWRIGHT_GUARD: "1", HEAPWRIGHT_GUARD_NOTES: "/nowhere" };
  const { code, stderr } = await runProgram(program, { env, args: ["no crash"] });
  assert.equal([code, stderr.split("\n").length], [0, 2], stderr);
  assert.match(stderr, /^heapwright: HEAPWRIGHT_GUARD_NOTES: ENOENT.*\/nowhere/);
  const full = await runProgram(program, {
    env: { HEAPWRIGHT_GUARD: "1", HEAPWRIGHT_LIMIT: "64K" },
    args: ["no crash"],
  });
  assert.is(full.code, 0);
  assert.match(
    full.stderr,
    /^heapwright: HEAPWRIGHT_GUARD: there is no room for blocks with pages of their own\n$/,
  );
  const text = join(folder, "text.note");
  writeFileSync(text, "no note");
  for (const [args, message] of [
    [["explain"], /explain: no file/],
    [["explain", "/nowhere/note"], /ENOENT/],
    [["explain", text], /text\.note: no note/],
    [["explain", fileURLToPath(program)], /crashes\.mjs: no note/],
    [["run", "--guard=x", fileURLToPath(program)], /--guard: give a whole number from 1/],
  ] as const) {
    const refused = await heapwright(args);
    assert.is(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, message);
  }
});

test.run();
