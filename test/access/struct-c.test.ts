/**
 * Structs lie in memory as the C compiler of this machine lays them out: random ones with bit-fields, unions, packed and aligned
 * ones. For each field it is compared which bytes are written when all its bits are set and nothing else is.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Definition, free, type StructOptions, struct, union, view } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";

const STRUCTS = 150;
const MOST_FIELDS = 9;
const LIMIT_MS = 60_000;
const hasCompiler = spawnSync("cc", ["--version"]).status === 0;
const random = new Random(testSeed("struct-c"));

const names: Record<string, string> = {
  u8: "uint8_t",
  i8: "int8_t",
  u16: "uint16_t",
  i16: "int16_t",
  u32: "uint32_t",
  i32: "int32_t",
  u64: "uint64_t",
  i64: "int64_t",
  f32: "float",
  f64: "double",
  bool: "_Bool",
  pointer: "void *",
};

/** A field in both languages, and what sets all of its bits in both. */
interface Field {
  readonly ours: Definition[string];
  readonly declare: (name: string) => string;
  /** Bits that a store of -1 shows best, if not all bytes are set by hand. */
  readonly bits: { readonly value: unknown; readonly c: string } | null;
}

function anyField(mayHaveBits: boolean): Field {
  const scalars = Object.keys(names);
  const name = scalars[random.int(0, scalars.length - 1)]!;
  const kind = random.int(0, 9);
  if (kind < 4 && mayHaveBits && /^[ui]/.test(name)) {
    const bits = random.int(1, Number(name.slice(1)));
    return {
      ours: `${name}:${bits}` as "u8:1",
      declare: (field) => `${names[name]} ${field} : ${bits}`,
      bits: { value: name.endsWith("64") ? -1n : -1, c: "-1" },
    };
  }
  if (kind === 4) {
    const length = random.int(1, 5);
    return {
      ours: [name as "u8", length],
      declare: (field) => `${names[name]} ${field}[${length}]`,
      bits: null,
    };
  }
  if (kind === 5) {
    return {
      ours: union({ a: name as "u8", b: ["u16", 3] }),
      declare: (field) => `union u${name} ${field}`,
      bits: null,
    };
  }
  return { ours: name as "u8", declare: (field) => `${names[name]} ${field}`, bits: null };
}

function anyOptions(): StructOptions | undefined {
  const packed = ([false, false, true, 1, 2, 4, 8] as const)[random.int(0, 6)]!;
  const align = [1, 1, 1, 2, 8, 16, 64][random.int(0, 6)]!;
  if (packed === false && align === 1) return undefined;
  return { ...(packed === false ? {} : { packed }), ...(align === 1 ? {} : { align }) };
}

interface Case {
  readonly fields: readonly Field[];
  readonly options: StructOptions | undefined;
}

function textOf({ fields, options }: Case, i: number): string {
  const packed = options?.packed ?? false;
  const pack = packed === false ? "" : `#pragma pack(push, ${packed === true ? 1 : packed})\n`;
  const align = options?.align === undefined ? "" : ` __attribute__((aligned(${options.align})))`;
  const members = fields.map(({ declare }, k) => `${declare(`f${k}`)};`).join(" ");
  return `${pack}struct${align} s${i} { ${members} };\n${packed === false ? "" : "#pragma pack(pop)\n"}`;
}

function printsOf({ fields }: Case, i: number): string {
  const shows = fields.map(({ bits }, k) => {
    const put = bits === null ? `memset(&s.f${k}, 255, sizeof s.f${k})` : `s.f${k} = ${bits.c}`;
    return `memset(&s, 0, sizeof s); ${put}; show(&s, sizeof s);`;
  });
  return `{ static struct s${i} s; printf("%zu %zu", sizeof s, _Alignof(struct s${i})); ${shows.join(" ")} puts(""); }`;
}

/** What the compiler makes of the structs: a line each, of size, alignment, and the bytes with each field set. */
function compiled(cases: readonly Case[]): string[] {
  const place = mkdtempSync(join(tmpdir(), "heapwright-c-"));
  try {
    const source = `#include <stdint.h>
#include <stdio.h>
#include <string.h>
${Object.entries(names)
  .map(([name, type]) => `union u${name} { ${type} a; uint16_t b[3]; };`)
  .join("\n")}
${cases.map(textOf).join("")}
static void show(void *at, size_t bytes) {
  putchar(' ');
  for (size_t i = 0; i < bytes; i++) printf("%02x", ((unsigned char *)at)[i]);
}
int main(void) { ${cases.map(printsOf).join("\n")} return 0; }
`;
    writeFileSync(join(place, "structs.c"), source);
    const options = { timeout: LIMIT_MS, encoding: "utf8" } as const;
    execFileSync("cc", ["-std=gnu11", "-w", "-o", join(place, "structs"), join(place, "structs.c")], options);
    return execFileSync(join(place, "structs"), options).trimEnd().split("\n");
  } finally {
    rmSync(place, { recursive: true });
  }
}

function ours({ fields, options }: Case): string {
  const definition = Object.fromEntries(fields.map((field, k) => [`f${k}`, field.ours])) as Definition;
  const type = struct(definition, options);
  const record = type.alloc() as { pointer: never; [name: string]: unknown };
  const bytes = view(record.pointer, type.size);
  const shows = fields.map(({ bits, ours: kind }, k) => {
    bytes.fill(0);
    if (bits !== null) record[`f${k}`] = bits.value;
    else {
      const from = (type.offsets as Record<string, number>)[`f${k}`]!;
      bytes.fill(255, from, from + struct({ one: kind } as { one: "u8" }, { packed: true }).size);
    }
    return Buffer.from(bytes).toString("hex");
  });
  free(record.pointer);
  return [type.size, type.alignment, ...shows].join(" ");
}

(hasCompiler ? test : test.skip)("random structs", () => {
  const cases = Array.from({ length: STRUCTS }, (): Case => {
    const options = anyOptions();
    const mayHaveBits = options?.packed === undefined;
    const fields = Array.from({ length: random.int(1, MOST_FIELDS) }, () => anyField(mayHaveBits));
    return { fields, options };
  });
  const lines = compiled(cases);
  for (const [i, each] of cases.entries()) assert.is(ours(each), lines[i], textOf(each, i));
});

test.run();
