/**
 * Program: expat parses a document with its memory in this heap, and again under a limit that is too small for it.
 *
 *   expat.ts LIBRARY FILE    the file is JSON; the document is its contents as XML
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  free,
  malloc,
  type NativeAllocator,
  nativeAllocator,
  type Pointer,
  write,
} from "../../../src/index.js";
import { load } from "../c.js";
import { accountOf, put, report } from "./report.js";

const OK = 1; // XML_STATUS_OK
const STEPS = 24;
const CHUNK = 4096;

const koffi = createRequire(import.meta.url)("koffi");
const [path, file] = process.argv.slice(2);
const expat = load(path!);
const create = expat.func("uintptr_t XML_ParserCreate_MM(uintptr_t, uintptr_t, uintptr_t)");
const setHandlers = expat.func("void XML_SetElementHandler(uintptr_t, uintptr_t, uintptr_t)");
const parse = expat.func("int XML_Parse(uintptr_t, uintptr_t, int, int)");
const errorCode = expat.func("int XML_GetErrorCode(uintptr_t)");
const dispose = expat.func("void XML_ParserFree(uintptr_t)");

let written = 0;

/** JSON as XML: an element for each value, its key an attribute. */
function element(key: string, value: unknown): string {
  written++;
  const name = `<value key="${escaped(key)}">`;
  if (typeof value !== "object" || value === null) return `${name}${escaped(String(value))}</value>`;
  const inner = Object.entries(value).map(([childKey, child]) => element(childKey, child));
  return `${name}\n${inner.join("\n")}</value>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

const handler = koffi.pointer(koffi.proto("void", ["uintptr_t", "uintptr_t", "uintptr_t"]));
const ending = koffi.pointer(koffi.proto("void", ["uintptr_t", "uintptr_t"]));
let started = 0;
let ended = 0;
const onStart = koffi.register(() => void started++, handler);
const onEnd = koffi.register(() => void ended++, ending);

/** XML_Memory_Handling_Suite: malloc, realloc, free. */
function newParser(allocator: NativeAllocator): Pointer {
  const suite = malloc(24);
  write.pointer(suite, allocator.malloc as number as Pointer, 0);
  write.pointer(suite, allocator.realloc as number as Pointer, 8);
  write.pointer(suite, allocator.free as number as Pointer, 16);
  const parser = create(0, suite, 0) as Pointer;
  free(suite); // it was copied
  return parser;
}

const text = Buffer.from(`<?xml version="1.0"?>\n${element("", JSON.parse(readFileSync(file!, "utf8")))}`);
const source = malloc(text.length + 1);
put(source, text);

/** What becomes of the document under a limit. */
function attempt(limit: number) {
  using allocator = nativeAllocator({ limit });
  started = 0;
  ended = 0;
  const parser = newParser(allocator);
  if (parser === 0)
    return { created: false, status: 0, error: 0, started, ended, account: accountOf(allocator) };
  setHandlers(parser, Number(onStart), Number(onEnd));
  let status = OK;
  for (let at = 0; at < text.length && status === OK; at += CHUNK) {
    const length = Math.min(CHUNK, text.length - at);
    status = parse(parser, source + at, length, at + length === text.length ? 1 : 0);
  }
  const error = status === OK ? 0 : errorCode(parser);
  dispose(parser);
  return { created: true, status, error, started, ended, account: accountOf(allocator) };
}

const whole = attempt(Number.POSITIVE_INFINITY);
// Down from what it needs to nothing, so that memory is out in each stage of its life.
const limits = Array.from({ length: STEPS }, (_, i) => Math.floor((whole.account.peak * i) / STEPS));
const refused = limits.map(attempt);
free(source);
report({ bytes: text.length, written, whole, refused });
koffi.unregister(onStart);
koffi.unregister(onEnd);
