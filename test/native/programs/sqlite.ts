/**
 * Program: SQLite fills a table and sums it up, then runs out of memory at the limit and goes on.
 *
 *   sqlite.ts LIBRARY
 */
import koffi from "koffi";
import { free, malloc, nativeAllocator, read, struct } from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, report } from "./report.js";

const CONFIG_MALLOC = 4; // SQLITE_CONFIG_MALLOC
const LIMIT = 4_000_000;
const ROWS = 5000;

/** sqlite3_mem_methods. */
const Methods = struct({
  xMalloc: "function",
  xFree: "function",
  xRealloc: "function",
  xSize: "function",
  xRoundup: "u64",
  xInit: "u64",
  xShutdown: "u64",
  pAppData: "u64",
});

const sqlite = load(process.argv[2]!);
const config = sqlite.func("int sqlite3_config(int, ...)");
const initialize = sqlite.func("int sqlite3_initialize()");
const shutdown = sqlite.func("int sqlite3_shutdown()");
const open = sqlite.func("int sqlite3_open(str, uintptr_t)");
const close = sqlite.func("int sqlite3_close(uintptr_t)");
const execute = sqlite.func("int sqlite3_exec(uintptr_t, str, uintptr_t, uintptr_t, uintptr_t)");
const prepare = sqlite.func("int sqlite3_prepare_v2(uintptr_t, str, int, uintptr_t, uintptr_t)");
const step = sqlite.func("int sqlite3_step(uintptr_t)");
const columnInt = sqlite.func("int sqlite3_column_int(uintptr_t, int)");
const finalize = sqlite.func("int sqlite3_finalize(uintptr_t)");

const roundUp = koffi.register(
  (bytes: number) => (bytes + 7) & ~7,
  koffi.pointer(koffi.proto("int", ["int"])),
);
const start = koffi.register(() => 0, koffi.pointer(koffi.proto("int", ["uintptr_t"])));

const memory = nativeAllocator({ limit: LIMIT });
const methods = Methods.alloc();
methods.xMalloc = memory.malloc;
methods.xFree = memory.free;
methods.xRealloc = memory.realloc;
methods.xSize = memory.usableSize;
methods.xRoundup = roundUp;
methods.xInit = start;
methods.xShutdown = 0n;
methods.pAppData = 0n;
const configured = config(CONFIG_MALLOC, "uintptr_t", methods.pointer);
initialize();

const place = malloc(8);
open(":memory:", place);
const database = read.pointer(place);

function sum(): number {
  prepare(database, "SELECT sum(length(word)) FROM words", -1, place, 0);
  const statement = read.pointer(place);
  step(statement);
  const result = columnInt(statement, 0);
  finalize(statement);
  return result;
}

function fill(rows: number, word: string): number {
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;
  return execute(database, `${numbers} INSERT INTO words SELECT ${word} FROM n`, 0, 0, 0);
}

const created = execute(database, "CREATE TABLE words (word TEXT)", 0, 0, 0);
const filled = fill(ROWS, "'word' || i");
const before = sum();
const { failures } = memory;
const tooMuch = fill(100, "randomblob(100000)");
const afterwards = sum();
const atLimit = accountOf(memory);
const closed = close(database);
shutdown();
const atEnd = accountOf(memory);
memory.dispose();
for (const pointer of [place, methods.pointer]) free(pointer);
report({ configured, created, filled, before, failures, tooMuch, afterwards, atLimit, closed, atEnd });
