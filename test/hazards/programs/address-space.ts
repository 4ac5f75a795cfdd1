/**
 * Program, under a limit on address space, as ulimit -v sets it: blocks until memory is out, a few times over, with work
 * for V8 in between.
 *
 *   address-space.ts BYTES   the size of the blocks
 */
import type { Pointer } from "../../../src/index.js";
import { limitAddressSpace } from "./libc.js";
import { status, tell } from "./proc.js";
import type { Library } from "./workload.js";

const ROOM = 2 ** 31;
limitAddressSpace(status("VmSize") + ROOM);
const { check, free, malloc, stats, write }: Library = await import("../../../src/index.js");

const size = Number(process.argv[2]);
const ROUNDS = 3;
/** Lists of objects that V8 keeps, some 16 MB in all. */
const kept: object[][] = [];

function work(): void {
  const list = Array.from({ length: 100_000 }, (_, i) => ({ i, text: `number ${i}` }));
  kept.push(list);
  JSON.parse(JSON.stringify(list.slice(0, 20_000)));
  new Uint8Array(2 ** 20).fill(1);
}

/** Allocates until it is refused; the error's code. */
function fill(into: Pointer[]): string {
  try {
    for (;;) {
      const pointer = malloc(size);
      write.u8(pointer, 1, size - 1);
      into.push(pointer);
    }
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const codes: string[] = [];
let most = 0;
for (let round = 0; round < ROUNDS; round++) {
  const pointers: Pointer[] = [];
  codes.push(fill(pointers));
  work();
  codes.push(fill(pointers));
  most = Math.max(most, pointers.length * size);
  check();
  for (const pointer of pointers) free(pointer);
}
tell({ codes, most, end: stats().blocks });
