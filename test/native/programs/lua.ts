/**
 * Program: Lua counts the words of a file, then runs out of memory at the limit, and is as well as before.
 *
 *   lua.ts LIBRARY FILE
 */
import { readFileSync } from "node:fs";
import { free, malloc, nativeAllocator, type Pointer, view } from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, put, report } from "./report.js";

const LIMIT = 4 * 1024 * 1024;
const ALL_RESULTS = -1; // LUA_MULTRET

const [path, file] = process.argv.slice(2);
const lua = load(path!);
const newState = lua.func("uintptr_t lua_newstate(uintptr_t, uintptr_t)");
const openLibraries = lua.func("void luaL_openlibs(uintptr_t)");
const loadString = lua.func("int luaL_loadstring(uintptr_t, str)");
const call = lua.func("int lua_pcallk(uintptr_t, int, int, int, intptr_t, uintptr_t)");
const toText = lua.func("str lua_tolstring(uintptr_t, int, uintptr_t)");
const setTop = lua.func("void lua_settop(uintptr_t, int)");
const pushText = lua.func("str lua_pushlstring(uintptr_t, uintptr_t, size_t)");
const setGlobal = lua.func("void lua_setglobal(uintptr_t, str)");
const close = lua.func("void lua_close(uintptr_t)");

const WORDS = `
  local counts, order = {}, {}
  for word in text:gmatch("%a+") do
    if not counts[word] then order[#order + 1] = word end
    counts[word] = (counts[word] or 0) + 1
  end
  table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  local lines = {}
  for i = 1, 20 do lines[i] = order[i] .. " " .. counts[order[i]] end
  return table.concat(lines, "\\n")`;
const GLUTTON = `
  local kept = {}
  for i = 1, 1e9 do kept[i] = ("x"):rep(100) .. i end`;
/** Many blocks, few of them live: more than the limit all in all, by far. */
const CHURN = `
  local sum = 0
  for i = 1, 200000 do sum = sum + #("churn" .. i) end
  return tostring(sum)`;

const allocator = nativeAllocator({ limit: LIMIT });
const state = newState(allocator.luaAlloc, 0);
if (state === 0) throw new Error("lua_newstate returned NULL");
openLibraries(state);

/** Runs a script: the status of the call, and the text it left. */
function run(script: string): { status: number; text: string } {
  const loaded = loadString(state, script);
  const status = loaded !== 0 ? loaded : call(state, 0, ALL_RESULTS, 0, 0, 0);
  const text = toText(state, -1, 0) as unknown as string;
  setTop(state, 0);
  return { status, text };
}

/** The same in JavaScript. */
function countWords(text: string): string {
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(/[A-Za-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const order = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return order
    .slice(0, 20)
    .map(([word, count]) => `${word} ${count}`)
    .join("\n");
}

const contents = readFileSync(file!);
const source: Pointer = malloc(contents.length + 1);
put(source, contents);
pushText(state, source, contents.length);
setGlobal(state, "text");
view(source).fill(0); // Lua has a copy
free(source);

const expected = countWords(contents.toString("latin1"));
const words = run(WORDS);
const atWords = accountOf(allocator);
const out = run(GLUTTON);
const atLimit = accountOf(allocator);
const again = run(WORDS);
const churn = run(CHURN);
close(state);
report({
  limit: LIMIT,
  wordsAgree: words.status === 0 && words.text === expected,
  atWords,
  out,
  atLimit,
  againAgree: again.status === 0 && again.text === expected,
  churn,
  atEnd: accountOf(allocator),
});
allocator.dispose();
