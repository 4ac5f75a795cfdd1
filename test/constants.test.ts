/**
 * The bundle has numbers where the source has names of constants, and means the same.
 */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withNumbers } from "../scripts/constants.js";

/** What a module of these statements returns, with names and with numbers. */
function same(statements: string, holds: (bundled: string) => boolean): void {
  const bundled = withNumbers(statements);
  const [before, after] = [statements, bundled].map((code) => new Function(`${code}; return result();`)());
  assert.equal(after, before);
  assert.ok(holds(bundled), bundled);
}

test("a constant and what is computed from it become numbers, and are declared no more", () => {
  const code =
    "const A = 4; const B = (A << 2) + 1; const C = -B; const D = 2 ** 40 / A | 0; function result() { return [A, B, C, D]; }";
  same(code, (bundled) => !/const/.test(bundled) && bundled.includes("[4, 17, (-17), 0]"));
});

test("a name that hides a constant stays: parameters, patterns, loops, what is caught", () => {
  const code = `
    const top = 1, other = 2; const high = 3;
    function one(high) { return high; }
    function two({ high }, [a = high] = []) { return [high, a]; }
    function three() { for (const high of [7]) return high; }
    function four() { try { throw 9; } catch (high) { return high; } }
    const five = (high = 5) => high;
    function result() { return [one(4), two({ high: 6 }), three(), four(), five(), high, top, other]; }`;
  same(code, (bundled) => bundled.includes("five(), 3, top, other]"));
});

test("a default in a pattern that is declared becomes a number", () => {
  const code =
    "const most = 6; function result() { const { a = most, b: [c = most] = [] } = {}; return [a, c]; }";
  same(code, (bundled) => bundled.includes("{ a = 6, b: [c = 6] = [] }"));
});

test("names of properties, methods and labels stay, and a shorthand keeps its key", () => {
  const code = `
    const size = 8;
    class Block { size = 1; static of = size; next() { return this.size + size; } }
    function result() {
      size: for (;;) break size;
      const { size: renamed } = { size };
      return [{ size }, new Block().next(), Block.of, renamed, { size: 5 }.size, [size].at(0), size.toFixed(1), 3 - size, -size];
    }`;
  same(code, (bundled) => bundled.includes("{ size: 8 }") && bundled.includes("(8).toFixed"));
});

test("a name that a block at the top of the module declares again is left alone", () => {
  const code =
    "const n = 1; const seen = []; for (const n of [2, 3]) seen.push(n); function result() { return [n, seen]; }";
  same(code, (bundled) => bundled === code);
});

test("what is exported stays to be exported", () => {
  const code = "const NULL = 0;\nconst a = (x) => x === NULL;\nexport { NULL, a };\n";
  assert.is(withNumbers(code), "const NULL = 0;\nconst a = (x) => x === 0;\nexport { NULL, a };\n");
});

test("the library is bundled so", () => {
  const bundled = readFileSync(new URL("../dist/index.js", import.meta.url), "utf8");
  const left = [...bundled.matchAll(/^const (\w+) = [-\d.x]+;$/gm)].map((found) => found[1]);
  assert.equal(left, ["NULL"]);
});

test.run();
