/**
 * The stubs and the code behind them: the bytes are what an assembler makes of the text beside them, for both processors;
 * pages, rows and addresses are as they should be. That the code works is shown by all other tests here.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { arm64 } from "../../src/native/arm64.js";
import { FAULT_LISTINGS } from "../../src/native/fault.js";
import { codeOf, type Processor } from "../../src/native/machine-code.js";
import { PAGE_BYTES, Thunks } from "../../src/native/thunk.js";
import { x64 } from "../../src/native/x64.js";

const THREAD = 0x1234_5678_9ab0;
const ROWS = 0x7f12_3456_7890;
const NOTE = 0x1234_5678_9ab8;
const NEXT = 0x7f12_3456_7898;
const KEY = 0x12345;
const STUB_AT = 1024;
const ROW_COUNT = 100;

/** What is called binutils here; by another name for another processor. */
const tools =
  process.arch === "arm64"
    ? { arm64: "", x64: "x86_64-linux-gnu-" }
    : { arm64: "aarch64-linux-gnu-", x64: "" };

/** The bytes that the assembler makes; null where there is none. */
function assembled(prefix: string, source: string): Uint8Array | null {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-assembler-"));
  const [text, object, raw] = ["code.s", "code.o", "code.bin"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const symbols = [`THREAD=${THREAD}`, `ROWS=${ROWS}`, `NOTE=${NOTE}`, `NEXT=${NEXT}`].flatMap((symbol) => [
    "--defsym",
    symbol,
  ]);
  try {
    writeFileSync(text, source);
    execFileSync(`${prefix}as`, [...symbols, "-o", object, text]);
    execFileSync(`${prefix}objcopy`, ["-O", "binary", "-j", ".text", object, raw]);
    return readFileSync(raw);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log(`skipped: no ${prefix}as to compare with`);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

for (const [name, processor, start, stub] of [
  ["x64", x64, ".intel_syntax noprefix\n", `endbr64\nmov eax, ${KEY}\njmp call\n.byte 0xcc, 0xcc\n`],
  ["arm64", arm64, "", `hint #34\nmovz w9, #${KEY & 0xffff}\nmovk w9, #${KEY >>> 16}, lsl #16\nb call\n`],
] as ReadonlyArray<[keyof typeof tools, Processor, string, string]>) {
  test(`${name}: the bytes are what an assembler makes of the text beside them`, () => {
    const { bytes } = codeOf(processor.listing, { THREAD, ROWS });
    const text = processor.listing.replaceAll(/^.*\| /gm, "");
    const expected = assembled(tools[name], `${start}${text}\n.org ${STUB_AT}\n${stub}`);
    if (expected === null) return;
    assert.is(hex(bytes), hex(expected.subarray(0, bytes.length)));
    assert.is(hex(processor.stub(KEY, -STUB_AT)), hex(expected.subarray(STUB_AT)));
  });
}

for (const [name, start] of [
  ["x64", ".intel_syntax noprefix\n"],
  ["arm64", ""],
] as const) {
  test(`${name}: so are those of what notes the address of a fault`, () => {
    const listing = FAULT_LISTINGS[name];
    const expected = assembled(tools[name], `${start}${listing.replaceAll(/^.*\| /gm, "")}`);
    if (expected !== null) assert.is(hex(codeOf(listing, { NOTE, NEXT }).bytes), hex(expected));
  });
}

/** Pages that only say what was done with them. */
function recorded(refused: { map?: number; execute?: number } = {}) {
  const steps: string[] = [];
  const buffers = new Map<number, ArrayBuffer>();
  let mapped = 0;
  let executable = 0;
  const pages = {
    map: () => {
      if (++mapped === refused.map) return -1;
      const page = mapped * 0x1_0000_0000;
      buffers.set(page, new ArrayBuffer(PAGE_BYTES));
      return page;
    },
    makeExecutable: (page: number) => {
      const used = new Uint8Array(buffers.get(page)!).some((byte) => byte !== 0);
      steps.push(`execute ${page / 0x1_0000_0000} ${used ? "written" : "empty"}`);
      return ++executable !== refused.execute;
    },
    unmap: (page: number) => void steps.push(`unmap ${page / 0x1_0000_0000}`),
    view: (page: number) => buffers.get(page)!,
  };
  return { pages, steps, buffers };
}

test("a page of code is executable only after it was written, and all goes back when that is refused", () => {
  const done = recorded();
  assert.ok(Thunks.make(done.pages) !== null);
  assert.equal(done.steps, ["execute 2 written"]);
  const refused = recorded({ execute: 1 });
  assert.is(Thunks.make(refused.pages), null);
  assert.equal(refused.steps, ["execute 2 written", "unmap 2", "unmap 1"]);
  const noCode = recorded({ map: 2 });
  assert.is(Thunks.make(noCode.pages), null);
  assert.equal(noCode.steps, ["unmap 1"]);
  assert.is(Thunks.make(recorded({ map: 1 }).pages), null);
});

for (const arch of ["x64", "arm64"]) {
  test(`${arch}: rows are never used again, and each has stubs and words of its own, in as many pages as it takes`, () => {
    const { pages, steps } = recorded();
    const thunks = Thunks.make(pages, arch)!;
    const addresses = new Set<number>();
    for (let row = 0; row < ROW_COUNT; row++) {
      assert.is(thunks.open(), row);
      for (let index = 0; index < 16; index++) addresses.add(thunks.address(row, index));
      if (row % 2 === 0) thunks.close(row);
    }
    assert.is(addresses.size, ROW_COUNT * 16);
    assert.ok([...addresses].every((address) => address % 16 === 0 && address % PAGE_BYTES > 0));
    for (let row = 0; row < ROW_COUNT; row += 3) thunks.countLate(row);
    for (let row = 0; row < ROW_COUNT; row++) assert.is(thunks.late(row), row % 3 === 0 ? 1 : 0);
    assert.ok(steps.length > 1 && steps.length < ROW_COUNT / 5, `${steps.length} pages of code`);
  });

  test(`${arch}: no row is opened where there is no page for it, and one is later where there is`, () => {
    const { pages } = recorded({ map: 3, execute: 2 });
    const thunks = Thunks.make(pages, arch)!;
    let row = 0;
    while (thunks.open() === row) row++;
    assert.is(thunks.open(), -1, "the page is not to be executed");
    assert.is(thunks.open(), row);
  });
}

test.run();
