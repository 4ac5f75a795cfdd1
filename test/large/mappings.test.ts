/**
 * The table of large blocks: ascending, found by page, freed ones remembered until their place is needed or the table is
 * full; and whole again after a death before any store.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MappingTable } from "../../src/large/mappings.js";
import {
  CONTROL_BYTES,
  Control,
  MAPPING_ENTRIES,
  MAPPING_WORDS,
  MAPPINGS,
} from "../../src/memory/control.js";
import { Window } from "../../src/memory/memory.js";
import { Killed, Killer } from "../support/killer.js";
import { Random, testSeed } from "../support/seed.js";

const SECOND = MAPPINGS + MAPPING_WORDS;

function bench() {
  const window = new Window(2 ** 32, new ArrayBuffer(CONTROL_BYTES));
  window.words[Control.mappings] = MAPPINGS;
  return { window, m: window.words, table: new MappingTable(window) };
}

/** Each page that is live, with how many pages it has, in the order of the table. */
function contents(table: MappingTable): Array<[number, number]> {
  return table.live().map((entry) => [table.page(entry), table.pages(entry)]);
}

function free(table: MappingTable, page: number): void {
  table.setPages(table.lookUp(page), 0);
}

test("a page is found once it is entered, with its pages, and no other", () => {
  const { m, table } = bench();
  for (const page of [32, 0, 2 ** 28, 1, 31]) {
    assert.is(table.lookUp(page), -1);
    table.insert(page, page + 5);
    assert.is(table.page(table.lookUp(page)), page);
    assert.is(table.pages(table.lookUp(page)), page + 5);
  }
  assert.is(table.lookUp(2), -1);
  assert.is(table.lookUp(2 ** 28 + 1), -1);
  assert.is(m[Control.mappingsUsed], 5);
});

test("the table is in ascending order", () => {
  const { table } = bench();
  for (const page of [50, 10, 30, 20, 40]) table.insert(page, page + 1);
  assert.equal(
    contents(table),
    [10, 20, 30, 40, 50].map((page) => [page, page + 1]),
  );
});

test("a freed entry keeps its page until one beside it is entered, and then no other moves", () => {
  const { m, table } = bench();
  for (const page of [100, 200, 300]) table.insert(page, 7);
  free(table, 200);
  assert.ok(table.lookUp(200) >= 0);
  table.insert(200, 9);
  assert.equal(contents(table), [
    [100, 7],
    [200, 9],
    [300, 7],
  ]);
  free(table, 200);
  table.insert(250, 3);
  assert.is(table.lookUp(200), -1);
  free(table, 250);
  table.insert(150, 4);
  assert.is(table.lookUp(250), -1);
  assert.equal(contents(table), [
    [100, 7],
    [150, 4],
    [300, 7],
  ]);
  assert.is(m[Control.mappingsUsed], 3);
});

test("full of freed entries, the live ones move to the other table; one store changes over", () => {
  const { m, table } = bench();
  let next = 0;
  const fill = () => {
    for (let i = m[Control.mappingsUsed]!; i < MAPPING_ENTRIES; i++) table.insert(2 * next++, i + 1);
    for (let i = 0; i < MAPPING_ENTRIES; i++)
      if (i % 4 !== 0) free(table, table.page(m[Control.mappings]! + 2 * i));
  };
  fill();
  const live = contents(table);
  assert.is(live.length, MAPPING_ENTRIES / 4);
  assert.ok(table.hasRoom());
  assert.is(m[Control.mappings], SECOND);
  assert.is(m[Control.mappingsUsed], MAPPING_ENTRIES / 4);
  assert.equal(contents(table), live);
  assert.is(table.lookUp(2), -1, "freed ones are forgotten");
  fill();
  assert.ok(table.hasRoom());
  assert.is(m[Control.mappings], MAPPINGS, "and back");
  assert.is(contents(table).length, MAPPING_ENTRIES / 4);
  assert.is(m[MAPPINGS + 2 * m[Control.mappingsUsed]!], 0, "with nothing left of what it held");
});

test("full of live entries there is no room", () => {
  const { table } = bench();
  for (let i = 0; i < MAPPING_ENTRIES; i++) table.insert(i, 1);
  const before = contents(table);
  assert.not.ok(table.hasRoom());
  assert.equal(contents(table), before);
});

test("where as many blocks are counted as fit, no entry is looked at", () => {
  const { m, table } = bench();
  m[Control.mappingsUsed] = MAPPING_ENTRIES;
  m[Control.largeCount] = MAPPING_ENTRIES;
  assert.not.ok(table.hasRoom());
  assert.is(m[Control.mappings], MAPPINGS, "the table was not tidied");
});

test("a page belongs to the live entry that has it among its own, also when freed ones lie in between", () => {
  const { table } = bench();
  table.insert(10, 5);
  for (const page of [40, 45, 50]) table.insert(page, 5);
  for (const page of [40, 45, 50]) free(table, page);
  table.insert(38, 15); // in place of 40
  for (const page of [10, 12, 14]) assert.is(table.holding(page), table.lookUp(10));
  for (const page of [38, 45, 52]) assert.is(table.holding(page), table.lookUp(38), `page ${page}`);
  for (const page of [0, 9, 15, 37, 53]) assert.is(table.holding(page), -1, `page ${page}`);
  assert.is(bench().table.holding(5), -1, "in an empty table");
});

test("of 40,000 entries few are looked at to find one", () => {
  const { window, m } = bench();
  let loads = 0;
  const words = new Proxy(m, {
    get: (target, word) => {
      loads++;
      return Reflect.get(target, word, target) as unknown;
    },
  });
  const table = new MappingTable(Object.assign(window, { words }));
  for (let i = 0; i < 40_000; i++) table.insert(40 * i, 30);
  for (const find of [() => table.holding(40 * 12_345 + 7), () => table.lookUp(40 * 30_000)]) {
    loads = 0;
    assert.ok(find() >= 0);
    assert.ok(loads < 100, `${loads}`);
  }
});

const others = [
  [10, 10],
  [30, 30],
  [40, 40],
];
/** What is done to a table of pages 10, 20 (freed), 30, 40; and what it may hold after a death in the middle. */
const changes: Record<string, { run(table: MappingTable): void; page: number }> = {
  "an insertion between others": { run: (table) => table.insert(35, 3), page: 35 },
  "an insertion at the end": { run: (table) => table.insert(50, 3), page: 50 },
  "an insertion at the start": { run: (table) => table.insert(5, 3), page: 5 },
  "an insertion in place of a freed one": { run: (table) => table.insert(25, 3), page: 25 },
  tidying: { run: (table) => table.tidy(), page: -1 },
};

for (const [name, { run, page }] of Object.entries(changes)) {
  test(`${name}, cut off before each store, and tidying after it too: nothing is lost or there twice`, () => {
    for (let at = 0, died = true; died; at++) {
      for (let again = 0, diedAgain = true; diedAgain; again++) {
        const { window, table } = bench();
        for (const each of [10, 20, 30, 40]) table.insert(each, each);
        free(table, 20);
        const cutOff = (before: number, work: (mortal: MappingTable) => void): boolean => {
          try {
            work(new MappingTable(new Killer(before).window(window)));
            return false;
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
            return true;
          }
        };
        died = cutOff(at, run);
        if (name === "tidying") {
          assert.ok(table.isOrdered(), `before store ${at}`);
          assert.equal(contents(table), others, "nobody repairs it");
        }
        diedAgain = cutOff(again, (mortal) => mortal.tidy());
        table.tidy();
        const found = contents(table);
        assert.equal(
          found.filter((entry) => entry[0] !== page),
          others,
          `before stores ${at} and ${again}`,
        );
        assert.ok(found.length <= others.length + 1 && table.isOrdered());
        if (page >= 0) {
          table.insert(page, 3); // as who repeats the change does
          assert.is(table.pages(table.lookUp(page)), 3);
          assert.is(contents(table).length, 4);
        }
      }
    }
  });
}

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
      free(table, page);
      expected.delete(page);
    }
  }
  assert.equal(
    contents(table),
    [...expected].sort(([one], [other]) => one - other),
  );
});

test.run();
