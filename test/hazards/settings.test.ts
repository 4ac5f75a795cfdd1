/**
 * Every setting, from the environment and from configure(): that it works, that a bad value is an error at the first
 * use and not when the library is loaded, and that configure() after the first allocation is too late.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { settingsFrom } from "../../src/process/settings.js";
import { type ChildOptions, findings, runProgram } from "../support/child.js";

interface Found {
  /** "none", or the code and message, by what was tried. */
  met: Record<string, string>;
  figures: { mappedFrom: number; mapped: number; givenBack: number };
}

const program = new URL("./programs/setting.ts", import.meta.url);

function configured(options: object, ...more: string[]): Promise<Found> {
  const text = JSON.stringify(options, (_, value) => (value === Infinity ? "Infinity" : value));
  return findings<Found>(program, { args: [text, ...more] });
}

function inEnvironment(env: Record<string, string>, ...more: string[]): Promise<Found> {
  return findings<Found>(program, { args: ["[]", ...more], env });
}

function refusedWith(met: string | undefined, ...words: string[]): void {
  assert.ok(met?.startsWith("ERR_INVALID_ARG: "), `met ${met}`);
  for (const word of words) assert.ok(met?.includes(word), `"${met}" says ${word}`);
}

test("defaults", async () => {
  const { met, figures } = await inEnvironment({}, "wave");
  assert.is(met.malloc, "none");
  assert.is(figures.mappedFrom, 129);
  assert.ok(figures.mapped! < 10, "dynamic");
  assert.ok(figures.givenBack > 25e6, `${figures.givenBack} bytes of 64 MB went back`);
});

test("mmapThreshold", async () => {
  for (const { figures } of [
    await inEnvironment({ HEAPWRIGHT_MMAP_THRESHOLD: "200K" }),
    await configured({ mmapThreshold: 200 * 1024 }),
    await inEnvironment({ HEAPWRIGHT_MMAP_THRESHOLD: "204800" }),
  ]) {
    assert.is(figures.mappedFrom, 201);
    assert.is(figures.mapped, 10, "each time");
  }
});

test("mmapThreshold dynamic: blocks of a size that was freed four times are taken from the heap", async () => {
  for (const { figures } of [
    await inEnvironment({ HEAPWRIGHT_MMAP_THRESHOLD: "dynamic" }),
    await configured({ mmapThreshold: "dynamic" }),
  ]) {
    assert.is(figures.mappedFrom, 129);
    assert.is(figures.mapped, 4, "of ten");
  }
});

test("trimThreshold", async () => {
  for (const { figures } of [
    await inEnvironment({ HEAPWRIGHT_TRIM_THRESHOLD: "1G" }, "wave"),
    await configured({ trimThreshold: 2 ** 30 }, "wave"),
  ]) {
    assert.ok(figures.givenBack < 5e6, `${figures.givenBack} bytes went back`);
  }
  const { figures } = await configured({ trimThreshold: 2 ** 20 }, "wave");
  assert.ok(figures.givenBack > 45e6, `${figures.givenBack} bytes of 64 MB went back`);
});

test("limit", async () => {
  for (const { met } of [
    await inEnvironment({ HEAPWRIGHT_LIMIT: "32M" }, "wave"),
    await inEnvironment({ HEAPWRIGHT_LIMIT: "33554432" }, "wave"),
    await configured({ limit: 2 ** 25 }, "wave"),
  ]) {
    assert.ok(met.figures?.startsWith("ERR_OUT_OF_MEMORY"), met.figures);
    assert.ok(met.figures?.includes("33554432"), met.figures);
  }
  assert.is((await configured({ limit: Infinity }, "wave")).met.figures, "none");
});

test("a limit below what the heap itself takes is refused", async () => {
  const { met: environment } = await inEnvironment({ HEAPWRIGHT_LIMIT: "0" });
  assert.ok(environment.malloc?.startsWith("ERR_INVALID_ARG"), `malloc met ${environment.malloc}`);
  const { met: late } = await configured({ limit: 4096 });
  assert.ok(late.configure?.startsWith("ERR_INVALID_ARG"), `configure met ${late.configure}`);
  assert.is(late.malloc, "none");
});

test("reserve belongs to the environment", async () => {
  const { met } = await configured({ reserve: 0 });
  refusedWith(met.configure, "HEAPWRIGHT_RESERVE");
  assert.is(met.malloc, "none");
  for (const value of ["0", "4G"]) {
    assert.is((await inEnvironment({ HEAPWRIGHT_RESERVE: value })).met.figures, "none", value);
  }
});

test("bad values in the environment: loading works, each use says what is wrong", async () => {
  const bad: Array<[string, string]> = [
    ["HEAPWRIGHT_LIMIT", "-1"],
    ["HEAPWRIGHT_LIMIT", "many"],
    ["HEAPWRIGHT_LIMIT", "1.5G"],
    ["HEAPWRIGHT_LIMIT", "dynamic"],
    ["HEAPWRIGHT_MMAP_THRESHOLD", "1T"],
    ["HEAPWRIGHT_MMAP_THRESHOLD", "2G"],
    ["HEAPWRIGHT_TRIM_THRESHOLD", "0x1000"],
    ["HEAPWRIGHT_RESERVE", "5G"],
  ];
  for (const [name, value] of bad) {
    const { met } = await inEnvironment({ [name]: value });
    for (const use of ["malloc", "free", "check", "stats"]) refusedWith(`${met[use]}`, name, value);
  }
});

test("no limit can be said", () => {
  const { limit } = settingsFrom({ HEAPWRIGHT_LIMIT: "Infinity" });
  assert.is(limit, Number.POSITIVE_INFINITY);
});

test("tracing is off by any of the words for that", async () => {
  for (const word of ["0", "false", "off"]) {
    const { stderr } = await runProgram(program, { env: { HEAPWRIGHT_TRACE: word } });
    assert.not.match(stderr, /heapwright\[/, word);
  }
  const { stderr } = await runProgram(program, { env: { HEAPWRIGHT_TRACE: "1" } });
  assert.match(stderr, /heapwright\[/);
});

test("an empty variable is none", async () => {
  const { figures } = await inEnvironment({ HEAPWRIGHT_LIMIT: "", HEAPWRIGHT_MMAP_THRESHOLD: "" });
  assert.is(figures.mappedFrom, 129);
});

test("bad options: none is applied, and the heap works", async () => {
  const bad: Array<[object, string]> = [
    [{ limit: -1 }, "limit"],
    [{ limit: "1G" }, "limit"],
    [{ limit: 1.5 }, "limit"],
    [{ mmapThreshold: "static" }, "mmapThreshold"],
    [{ mmapThreshold: 2 ** 31 }, "mmapThreshold"],
    [{ trimThreshold: null }, "trimThreshold"],
    [{ trimThreshold: "dynamic" }, "trimThreshold"],
    [{ treshold: 1 }, "treshold"],
    [{ trace: "yes" }, "trace"],
    [{ mmapThreshold: 200 * 1024, limit: -1 }, "limit"],
    [{ mmapThreshold: 200 * 1024, trace: 1 }, "trace"],
  ];
  const { met, figures } = await configured(bad.map(([options]) => options));
  for (const [i, [, word]] of bad.entries()) refusedWith(met[i === 0 ? "configure" : `configure ${i}`], word);
  assert.is(met.figures, "none");
  assert.is(figures.mappedFrom, 129, "one of them was applied in part");
});

test("too late", async () => {
  const { met, figures } = await configured(
    [{ limit: 2 ** 30 }, { mmapThreshold: 200 * 1024 }, { trimThreshold: 0 }, { trace: false }],
    "use",
  );
  refusedWith(met.configure, "limit", "too late");
  refusedWith(met["configure 1"], "mmapThreshold", "too late");
  refusedWith(met["configure 2"], "trimThreshold", "too late");
  assert.is(met["configure 3"], "none", "tracing can be switched at any time");
  assert.is(figures.mappedFrom, 129);
});

test("the environment's words reach a program whatever it does with them", async () => {
  const options: ChildOptions = { env: { HEAPWRIGHT_LIMIT: "1k", HEAPWRIGHT_TRACE: "0" } };
  const { code, stderr } = await runProgram(program, options);
  assert.is(code, 0);
  assert.is(stderr.includes("heapwright["), false);
});

test.run();
