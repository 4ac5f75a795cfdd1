/**
 * The table of large blocks: found by page, freed ones remembered until the table is crowded, then the second table.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LEAST_THRESHOLD } from "../../src/large/large-churn.js";
import { MappingTable, shiftFor } from "../../src/large/mappings.js";
import {
  CONTROL_BYTES,
  Control,
  MAPPING_ENTRIES,
  MAPPING_WORDS,
  MAPPINGS,
} from "../../src/memory/control.js";
import { Random, testSeed } from "../support/seed.js";

const MOST = (MAPPING_ENTRIES * 3) / 4;
/** Pages so far apart have each a place of their own in the table. */
const APART = 32;
const SECOND = MAPPINGS + MAPPING_WORDS;

function bench() {
  const m = new Int32Array(CONTROL_BYTES / 4);
  m[Control.mappings] = MAPPINGS;
  m[Control.mappingsShift] = shiftFor(LEAST_THRESHOLD, 4096);
  return { m, table: new MappingTable(m) };
}

/** Each page that is live, with how many pages it has. */
function contents(table: MappingTable): Map<number, number> {
  return new Map(table.live().map((entry) => [table.page(entry), table.pages(entry)] as const));
}

test("a page is found once it is entered, with its pages, and no other", () => {
  const { m, table } = bench();
  for (const page of [0, 1, 31, 32, 2 ** 28]) {
    assert.is(table.lookUp(page), -1);
    table.insert(page, page + 5);
    assert.is(table.page(table.lookUp(page)), page);
    assert.is(table.pages(table.lookUp(page)), page + 5);
  }
  assert.is(table.lookUp(2), -1);
  assert.is(m[Control.mappingsUsed], 5);
});

for (const threshold of [0, 1100, 4096, 20_000, LEAST_THRESHOLD, 2 ** 25]) {
  test(`mappings side by side have a place each, of more than ${threshold} bytes`, () => {
    const { m, table } = bench();
    const shift = shiftFor(threshold, 4096);
    m[Control.mappingsShift] = shift;
    const pages = Math.ceil((threshold + 17) / 4096);
    const count = Math.min(MOST, Math.floor((MAPPING_ENTRIES << shift) / pages));
    for (let i = 0; i < count; i++) table.insert(1000 + i * pages, pages);
    for (let i = 0; i < count; i++) {
      const place = ((1000 + i * pages) >>> shift) % MAPPING_ENTRIES;
      assert.is(table.lookUp(1000 + i * pages), MAPPINGS + 2 * place);
    }
  });
}

test("a freed entry keeps its page, and is used again by the same one alone", () => {
  const { m, table } = bench();
  table.insert(100, 7);
  table.setPages(table.lookUp(100), 0);
  assert.ok(table.lookUp(100) >= 0);
  assert.equal(table.live(), []);
  table.insert(101, 3);
  assert.is(m[Control.mappingsUsed], 2);
  table.insert(100, 9);
  assert.is(m[Control.mappingsUsed], 2);
  assert.equal(
    contents(table),
    new Map([
      [100, 9],
      [101, 3],
    ]),
  );
});

test("pages whose places collide, also past the table's end, are told apart", () => {
  const { table } = bench();
  const pages = [0, 1, 2, 3, 4].map((i) => MAPPING_ENTRIES * 32 - 1 - i);
  for (const page of pages) table.insert(page, page - 1);
  for (const page of pages) assert.is(table.pages(table.lookUp(page)), page - 1);
  assert.is(new Set(pages.map((page) => table.lookUp(page))).size, pages.length);
  assert.ok(
    pages.some((page) => table.lookUp(page) < MAPPINGS + 2 * pages.length),
    "one wrapped around",
  );
});

test("crowded with freed entries, the live ones move to the other table; one store changes over", () => {
  const { m, table } = bench();
  for (let i = 0; i < MOST; i++) table.insert(i * APART, i % 4 === 0 ? i + 1 : 0);
  const live = contents(table);
  assert.is(live.size, MOST / 4);
  assert.ok(table.hasRoom());
  assert.is(m[Control.mappings], SECOND);
  assert.is(m[Control.mappingsUsed], MOST / 4);
  assert.equal(contents(table), live);
  assert.is(table.lookUp(APART), -1, "freed ones are forgotten");
  for (const [page, pages] of live) assert.is(table.pages(table.lookUp(page)), pages);
  for (let i = MOST; m[Control.mappingsUsed]! < MOST; i++) table.insert(i * APART, 0);
  assert.ok(table.hasRoom());
  assert.is(m[Control.mappings], MAPPINGS);
  assert.equal(contents(table), live, "and back");
});

test("a death between copying and changing over leaves the first table in use, and the second is made again", () => {
  const { m, table } = bench();
  table.insert(5, 50);
  m.fill(77, SECOND, SECOND + MAPPING_WORDS);
  m[Control.mappingsUsed] = MOST;
  assert.ok(table.hasRoom());
  assert.equal(contents(table), new Map([[5, 50]]));
  assert.is(m[Control.mappingsUsed], 1);
});

test("full of live entries there is no room, and nothing changes", () => {
  const { m, table } = bench();
  for (let i = 0; i < MOST; i++) table.insert(i * APART, 1);
  const before = m.slice();
  assert.not.ok(table.hasRoom());
  assert.equal(Buffer.compare(Buffer.from(m.buffer), Buffer.from(before.buffer)), 0);
});

test("where as many blocks are counted as fit, no entry is looked at", () => {
  const { m, table } = bench();
  m[Control.mappingsUsed] = MOST;
  m[Control.largeCount] = MOST;
  assert.not.ok(table.hasRoom());
  assert.is(m[Control.mappingsUsed], MOST, "the table was not made again");
});

test("a page belongs to the live entry that has it among its own", () => {
  const { table } = bench();
  table.insert(10, 5);
  table.insert(40, 5);
  const entry = table.lookUp(10);
  table.setPages(table.lookUp(40), 0);
  for (const page of [10, 12, 14]) assert.is(table.holding(page), entry);
  for (const page of [0, 9, 15, 40, 41]) assert.is(table.holding(page), -1, `page ${page}`);
});

test("a table with no empty entry is searched to its end, and refuses one more", () => {
  const { m, table } = bench();
  for (let i = 0; i < MAPPING_ENTRIES; i++) table.insert(i * APART, 1);
  const used = m[Control.mappingsUsed]!;
  assert.is(used, MAPPING_ENTRIES);
  assert.is(table.lookUp(7), -1);
  table.insert(7, 1);
  assert.is(table.lookUp(7), -1);
  assert.is(m[Control.mappingsUsed], used);
});

test("random pages entered and freed: the table is what a Map would be", () => {
  const random = new Random(testSeed("mappings"));
  const { table } = bench();
  const expected = new Map<number, number>();
  for (let i = 0; i < 150_000; i++) {
    const page = random.int(0, 3000) * random.pick([1, 32, 4096]);
    const known = expected.get(page);
    assert.ok(table.hasRoom());
    if (known === undefined) {
      expected.set(page, random.int(1, 1000));
      table.insert(page, expected.get(page)!);
    } else {
      assert.is(table.pages(table.lookUp(page)), known);
      table.setPages(table.lookUp(page), 0);
      expected.delete(page);
    }
  }
  const sorted = (map: Map<number, number>) => [...map].sort(([one], [other]) => one - other);
  assert.equal(sorted(contents(table)), sorted(expected));
});

test.run();
