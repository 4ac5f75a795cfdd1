/**
 * Program: libcurl reads a file through a URL.
 *
 *   libcurl.ts LIBRARY FILE
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import koffi from "koffi";
import { free, malloc, nativeAllocator, view } from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, report } from "./report.js";

const URL_OPTION = 10002; // CURLOPT_URL
const WRITE_FUNCTION = 20011; // CURLOPT_WRITEFUNCTION
const NOTHING = 0; // CURL_GLOBAL_NOTHING

const [path, file] = process.argv.slice(2) as [string, string];
const curl = load(path);
const globalInit = curl.func(
  "int curl_global_init_mem(long, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)",
);
const newHandle = curl.func("uintptr_t curl_easy_init()");
const setOption = curl.func("int curl_easy_setopt(uintptr_t, int, ...)");
const perform = curl.func("int curl_easy_perform(uintptr_t)");
const removeHandle = curl.func("void curl_easy_cleanup(uintptr_t)");
const globalCleanup = curl.func("void curl_global_cleanup()");
const memcpy = koffi.load(null).func("uintptr_t memcpy(uintptr_t, uintptr_t, size_t)");

const parts: Buffer[] = [];
const chunk = malloc(1 << 20);
const write = koffi.register(
  (source: number, size: number, count: number) => {
    memcpy(chunk, source, size * count);
    parts.push(Buffer.from(view(chunk, size * count)));
    return size * count;
  },
  koffi.pointer(koffi.proto("size_t", ["uintptr_t", "size_t", "size_t", "uintptr_t"])),
);

const memory = nativeAllocator();
const { malloc: allocate, free: release, realloc, strdup, calloc } = memory;
const initialized = globalInit(NOTHING, allocate, release, realloc, strdup, calloc);
const handle = newHandle();
const options = [
  setOption(handle, URL_OPTION, "str", pathToFileURL(file).href),
  setOption(handle, WRITE_FUNCTION, "uintptr_t", write),
];
const performed = perform(handle);
const { blocks, failures } = memory;
removeHandle(handle);
globalCleanup();
const atEnd = accountOf(memory);
memory.dispose();
free(chunk);
report({
  initialized,
  options,
  performed,
  same: Buffer.concat(parts).equals(readFileSync(file)),
  used: blocks > 0,
  failures,
  atEnd,
});
