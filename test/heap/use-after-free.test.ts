/**
 * A write into a freed block may cost that block, never the process: in real memory, where a link that leads astray
 * could lead to a page that is not mapped. Each case runs in a process of its own.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { transpiled } from "../../scripts/runnable.js";

const source = new URL("../../src/index.ts", import.meta.url);
const javascript = transpiled(source);
const library = (javascript ?? source).href;
const loader = javascript === null ? ["--import", "tsx"] : [];
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs statements in which the library's functions are known; fails unless the process lives to its end. */
function survives(statements: string, settings: Record<string, string> = {}): void {
  const program = `
    import { alignedAlloc, check, free, malloc, realloc, trim, write } from ${JSON.stringify(library)};
    function attempt(work) { try { return work(); } catch (error) { return error.code; } }
    ${statements}
    console.log("lived");`;
  const node = [...loader, "--input-type=module", "--eval", program];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, node, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...settings },
  });
  assert.is(signal, null, `the process died of ${signal}`);
  assert.is(status, 0, stderr);
  assert.match(stdout, /lived\n$/);
}

/** Word indices as an overwritten link might hold them: between the heap and the large blocks, beyond the heap. */
const WORDS = [0x20000102, 0x3fff0002, 0xfffffff2];

for (const [what, use] of [
  ["allocating the same size class", "attempt(() => malloc(2020));"],
  ["allocating an aligned block", "attempt(() => alignedAlloc(1024, 900));"],
  ["joining a neighbour", "attempt(() => free(above));"],
  ["growing a neighbour", "attempt(() => realloc(above, 3000));"],
  ["giving memory back", "attempt(() => trim());"],
  ["checking", "attempt(() => check());"],
] as const) {
  test(`after a write into a freed block, ${what} does not end the process`, () => {
    const cases = WORDS.map(
      (word) => `{
        const block = malloc(2000), above = malloc(1500);
        malloc(100);
        const other = malloc(2000);
        malloc(100);
        free(other);
        free(block);
        write.u32(block, ${word});
        ${use}
      }`,
    );
    for (const one of cases) survives(one);
  });
}

test("a link into a gap between two segments of the heap does not end the process either", () => {
  const statements = `
    for (let i = 0; i < 300; i++) malloc(100_000); // more than the 8 chunks of the range: the page above guards it
    const block = malloc(2000);
    malloc(100);
    free(block);
    write.u32(block, 8 * 2 ** 18 + 0x102);
    attempt(() => malloc(2020));
    attempt(() => trim());
    attempt(() => check());`;
  survives(statements, { HEAPWRIGHT_RESERVE: "8M" });
});

test.run();
