/**
 * Program: libxml2 reads a document into a tree and writes it out again.
 *
 *   libxml2.ts LIBRARY
 */
import { cstring, free, malloc, nativeAllocator, read, readCString } from "../../../src/index.js";
import { callable, load } from "../c.js";
import { accountOf, report } from "./report.js";

const ITEMS = 2000;

const xml = load(process.argv[2]!);
const setUp = xml.func("int xmlMemSetup(uintptr_t, uintptr_t, uintptr_t, uintptr_t)");
const readMemory = xml.func("uintptr_t xmlReadMemory(uintptr_t, int, str, uintptr_t, int)");
const rootOf = xml.func("uintptr_t xmlDocGetRootElement(uintptr_t)");
const childCount = xml.func("ulong xmlChildElementCount(uintptr_t)");
const dump = xml.func("void xmlDocDumpMemory(uintptr_t, uintptr_t, uintptr_t)");
const freeDocument = xml.func("void xmlFreeDoc(uintptr_t)");
const cleanUp = xml.func("void xmlCleanupParser()");

const memory = nativeAllocator();
const setUpResult = setUp(memory.free, memory.malloc, memory.realloc, memory.strdup);
const items = Array.from({ length: ITEMS }, (_, i) => `<item id="${i}">text ${i} &amp; more</item>`);
const text = `<?xml version="1.0"?>\n<list>${items.join("")}</list>\n`;
const source = cstring(text);
const document = readMemory(source, text.length, "list.xml", 0, 0);
const children = childCount(rootOf(document));
const place = malloc(16);
dump(document, place, place + 8);
const written = read.pointer(place); // of the library's memory, and so of this heap
const same = readCString(written) === text;
callable(memory.free, "void", "uintptr_t")(written);
freeDocument(document);
cleanUp();
const atEnd = accountOf(memory);
memory.dispose();
for (const pointer of [source, place]) free(pointer);
report({ setUpResult, children, same, atEnd });
