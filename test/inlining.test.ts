/**
 * What V8 compiles into a loop that calls the library: the fast paths whole, so that a pointer on its way from malloc to
 * free is never an object, and of realloc the call alone, which leaves room for the others. V8 counts bytecode for that, so
 * a few more words in one of these functions are enough to lose it, and a program that takes half as long again would be all
 * there is to see.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { traceOf } from "./support/v8-trace.js";

const library = new URL("../dist/index.js", import.meta.url).href;
/** A loop's function, called so often that V8 has compiled it for good. */
const CALLS = 3000;

const tools = new URL("../dist/debug.js", import.meta.url).href;

/** Names of the functions that V8 inlined into the one whose body is given, after `before`. */
function inlinedInto(body: string, before = ""): Set<string> {
  const trace = traceOf(
    "--trace-turbo-inlining",
    `import { calloc, free, malloc, read, realloc, struct, write } from ${JSON.stringify(library)};
    const Point = struct({ x: "f64", y: "f64", next: "pointer", tag: "u8" });
    const points = Point.array(256);
    function caller(rounds) {
      let sum = 0;
      for (let i = 0; i < rounds; i++) { ${body} }
      return sum;
    }
    ${before}
    for (let call = 0; call < ${CALLS}; call++) caller(256);`,
  );
  const name = /^Inlining .*<SharedFunctionInfo ([^>]+)>\} into .*<SharedFunctionInfo caller>/gm;
  return new Set([...trace.matchAll(name)].map((found) => found[1]!));
}

function hasAll(found: ReadonlySet<string>, names: readonly string[]): void {
  for (const name of names) assert.ok(found.has(name), `${name} is not among ${[...found].join(", ")}`);
}

test("malloc, free and an access of each kind are inlined into one loop, with what they call", () => {
  const found = inlinedInto(`
    const block = malloc(64);
    write.u8(block, i & 255, 8);
    sum += read.u8(block, 8);
    free(block);`);
  hasAll(found, ["malloc", "popSmall", "u8", "free", "freeSmall"]);
});

test("two mallocs and two frees are, too", () => {
  const found = inlinedInto(`
    const one = malloc(24);
    const other = malloc(100);
    free(one);
    free(other);`);
  hasAll(found, ["malloc", "popSmall", "free", "freeSmall"]);
});

test("realloc is a call, and leaves room for malloc and free", () => {
  const found = inlinedInto("free(realloc(malloc(64), 100));");
  hasAll(found, ["malloc", "popSmall", "realloc", "free", "freeSmall"]);
  assert.not.ok(found.has("resize"));
});

test("calloc is a call, and leaves room for free", () => {
  const found = inlinedInto("free(calloc(1, 64));");
  hasAll(found, ["calloc", "free", "freeSmall"]);
  assert.not.ok(found.has("allocateCleared"));
});

const PAIR = "free(malloc(64 + (i & 1) * 1000));";
/** Has V8 compile another loop before a profile is begun. */
const START = `
  const { profile } = await import(${JSON.stringify(tools)});
  function pair(i) { ${PAIR} }
  function pairs() { for (let i = 0; i < 1e6; i++) pair(i); }
  pairs();
  profile.start();`;

test("with a profile on, and once it has stopped, both are inlined as ever", () => {
  for (const before of [START, `${START} pairs(); profile.stop();`])
    hasAll(inlinedInto(PAIR, before), ["malloc", "popSmall", "free", "freeSmall"]);
});

test("eight fields of records are inlined, and the records are not made", () => {
  const found = inlinedInto(`
    const point = points.at(i & 255);
    point.x = i;
    point.y = point.x;
    point.tag = i & 127;
    point.next = point.pointer;
    const same = Point.at(point.next);
    sum += same.x + same.y + same.tag;`);
  const accessors = ["x", "y", "tag", "next"].flatMap((name) => [`get ${name}`, `set ${name}`]);
  hasAll(found, ["at", "Record", ...accessors]);
});

test.run();
