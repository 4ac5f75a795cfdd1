/**
 * One int: taken, written, read, looked at from below, handed to C, freed.
 */
import koffi from "koffi";
import { free, malloc, type Pointer, read, stats, usableSize, write } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { bytesAt, type Header, headerOf } from "./header.js";
import { code, hex, line, paint, say, width, wrap } from "./page.js";
import { same, verify } from "./proof.js";

const ANSWER = 42;

export const anInt: Chapter = {
  title: "One int, written and read",
  run() {
    const int = malloc(4);
    code("const int = malloc(4)", hex(int));
    write.i32(int, ANSWER);
    code(`write.i32(int, ${ANSWER})`);
    code("read.i32(int)", String(same("the int", read.i32(int), ANSWER)));
    code("usableSize(int)", `${usableSize(int)} bytes may be used; blocks come in steps of 16`);
    line();
    say(
      "The pointer is a plain number: the real address of the memory, which JavaScript's garbage collector " +
        "neither sees nor moves. In front of it lies the block's header, 8 bytes that tell the heap all it " +
        "must know:",
    );
    showBytes(int);
    handToC();
    const before = headerOf(int);
    free(int);
    code("free(int)");
    line();
    showFreed(int, before);
  },
};

function showBytes(int: Pointer): void {
  const header = headerOf(int);
  same("the size in the header", header.size, usableSize(int) + 8);
  same("the number of flags set", header.flags.length, 0);
  verify(header.sealed, "the checksum fits the block's size and place");
  field(
    int - 8,
    header.sizeBytes,
    `size ${header.size}, header included; its low four bits are flags. None is set: ` +
      "the block is in use, and none below it is free",
  );
  field(
    int - 4,
    header.checkBytes,
    "checksum, made from the size, the place and a secret number of this process; " +
      "free() refuses what does not fit",
  );
  field(int, bytesAt(int, 4), `the int, ${read.i32(int)}: lowest byte first`);
  line();
}

/** C's atoi reads digits at an address: it finds those that JavaScript wrote. */
function handToC(): void {
  const atoi = koffi.load(null).func("int atoi(uintptr_t)") as (text: Pointer) => number;
  const text = malloc(8);
  const digits = "1234";
  for (let at = 0; at < digits.length; at++) write.u8(text, digits.charCodeAt(at), at);
  write.u8(text, 0, digits.length);
  say(
    "C can use such an address as it is. Here JavaScript writes four digits and a zero byte, and C's atoi " +
      "reads them:",
  );
  code("const text = malloc(8)", hex(text));
  code(`write.u8(text, …) for "${digits}"`, bytesAt(text, digits.length + 1));
  code("atoi(text)", String(same("what C reads", atoi(text), Number(digits))));
  line();
  free(text);
}

function showFreed(int: Pointer, before: Header): void {
  const after = headerOf(int);
  same("the size after free", after.size, before.size);
  same("the flags after free", after.flags.join(), "cached");
  verify(after.check !== before.check, "the checksum is gone: a second free does not find it");
  field(
    int - 8,
    after.sizeBytes,
    `size ${after.size} as before, and the flag "${after.flags.join()}": freed, kept for the next ` +
      "request of its size",
  );
  field(
    int - 4,
    after.checkBytes,
    "where the checksum was, the block that comes next in the list of freed ones of this size; a second free() " +
      "finds no checksum that fits",
  );
  line();
  const again = malloc(4);
  same("the block that the next request gets", again, int);
  code("malloc(4)", `${hex(again)}, the same block again`);
  free(again);
  same("bytes in use", stats().allocated, 0);
}

/** A few bytes of memory and what they mean, wrapped beside them. */
function field(address: number, bytes: string, meaning: string): void {
  const place = `  ${hex(address)}   `;
  const columns = width - place.length - bytes.length - 7;
  for (const [index, text] of wrap(meaning, columns).entries()) {
    const first = `${paint.faint(place)}${paint.live(bytes)}`;
    line(`${index === 0 ? first : " ".repeat(place.length + bytes.length)}   ${text}`);
  }
}
