/**
 * The README is true: its example runs and prints what its comments say, and what it names exists.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as api from "../src/index.js";
import { settingsFrom } from "../src/process/settings.js";
import { patience } from "./support/surroundings.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(`${root}README.md`, "utf8");
const LIMIT_MS = 120_000;

test("the example runs from the built package and prints what it says", () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const printed = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    timeout: patience(LIMIT_MS),
  });
  const lines = printed.trim().split("\n");
  assert.is(lines[0], "9");
  assert.match(printed, /Uint8Array\(16\)/);
  assert.is(lines.at(-1), "0");
});

test("so do the others", () => {
  const [, ...others] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
  assert.ok(others.length >= 2);
  const folder = mkdtempSync(`${root}test/readme-`); // inside the package, which so finds itself by its name
  try {
    for (const code of others) {
      writeFileSync(`${folder}/example.mjs`, code);
      const printed = execFileSync(process.execPath, [`${folder}/example.mjs`], {
        cwd: folder,
        encoding: "utf8",
        timeout: patience(LIMIT_MS),
      });
      const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!);
      assert.equal(printed.split("\n").filter(Boolean), promised);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("every function in the API table is exported", () => {
  const table = readme.slice(readme.indexOf("## API"), readme.indexOf("## Settings"));
  const names = [...table.matchAll(/`([a-zA-Z]+)\(/g)].map((match) => match[1]!);
  assert.ok(names.length > 10, "the table was found");
  for (const name of names) {
    assert.type((api as Record<string, unknown>)[name], "function", name);
  }
  for (const kind of /`read\.([^`]+)`/.exec(table)![1]!.split(" ")) {
    assert.type((api.read as unknown as Record<string, unknown>)[kind], "function", `read.${kind}`);
    assert.type((api.write as unknown as Record<string, unknown>)[kind], "function", `write.${kind}`);
  }
});

test("every variable in the settings table is read, with the default that it says", () => {
  const defaults = settingsFrom({}) as unknown as Record<string, unknown>;
  const rows = [...readme.matchAll(/^\| `(\w+)` \| `(HEAPWRIGHT_\w+)` \| (\d+|none|`"\w+"`) \|/gm)];
  assert.equal(
    rows.map(([, name]) => name),
    ["limit", "mmapThreshold", "trimThreshold"],
  );
  for (const [, name, variable, value] of rows) {
    const said = value!.startsWith("`") ? JSON.parse(value!.slice(1, -1)) : Number(value);
    assert.is(defaults[name!], value === "none" ? Number.POSITIVE_INFINITY : said, name);
    const changed = settingsFrom({ [variable!]: "1M" }) as unknown as Record<string, unknown>;
    assert.is(changed[name!], 2 ** 20, variable);
  }
  assert.is(defaults.reserve, 4 * 2 ** 30);
  assert.match(
    readme,
    /^\| – \| `HEAPWRIGHT_RESERVE` \| half of .* 2 GiB; where the break is higher 4G, 2G on Node 20 \|/m,
  );
  assert.is(settingsFrom({ HEAPWRIGHT_RESERVE: "1G" }).reserve, 2 ** 30);
  const read = sources().map((file) => readFileSync(`${root}src/${file}`, "utf8"));
  for (const variable of ["HEAPWRIGHT_TRACE", "HEAPWRIGHT_DEBUG"]) {
    assert.ok(readme.includes(`\`${variable}=1\` | off |`), variable);
    assert.ok(
      read.some((text) => text.includes(`process.env.${variable}`)),
      `${variable} is read`,
    );
  }
});

/** The files of src/. */
function sources(): string[] {
  return readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
}

test("every source file is on the map of src/, and every file on the map is there", () => {
  const map = readFileSync(`${root}src/README.md`, "utf8");
  const mapped = new Set<string>();
  for (const [, rooms, files] of map.matchAll(/^\| ((?:`[\w./]+`(?:, )?)+) \| [^|]* \| ([^|]*) ?\|$/gm)) {
    const listed = [...files!.matchAll(/`([\w-]+\.ts)`/g)].map(([, file]) => file!);
    for (const [, room] of rooms!.matchAll(/`([\w./]+)`/g)) {
      assert.ok(existsSync(`${root}src/${room}`), room);
      for (const file of listed) assert.ok(existsSync(`${root}src/${room}${file}`), `${room}${file}`);
      // A room whose files are told in prose is on the map as a whole.
      if (!/^(`[\w-]+\.ts`(, )?)+$/.test(files!.trim())) mapped.add(room!);
      for (const file of listed) mapped.add(`${room}${file}`);
    }
  }
  const isMapped = (file: string) => mapped.has(file) || mapped.has(file.slice(0, file.indexOf("/") + 1));
  assert.ok(mapped.size > 50);
  assert.equal(
    sources().filter((file) => !isMapped(file)),
    [],
  );
});

test.run();
