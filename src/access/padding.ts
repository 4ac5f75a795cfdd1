/**
 * Which bits of a record belong to fields. All others are padding: C leaves them undefined, so records with equal fields may
 * have different bytes.
 *
 * Owns masks: one byte per byte of the record, with a 1 for each bit that belongs to a field.
 */
import type { PointerLike } from "../memory/memory.js";
import type { Codec, Field } from "./codec.js";
import { farOf } from "./place.js";
import { read } from "./read.js";
import { write } from "./write.js";

/** Sets in the mask the bits of a codec's value at `at`. */
export function cover(codec: Codec, mask: Uint8Array, at: number): void {
  if (codec.covers === undefined) mask.fill(0xff, at, at + codec.size);
  else codec.covers(mask, at);
}

/** Sets in the mask `bits` bits of an integer at `at`, from bit `shift` up. */
export function coverBits(mask: Uint8Array, at: number, shift: number, bits: number): void {
  for (let bit = shift; bit < shift + bits; bit++) mask[at + (bit >>> 3)]! |= 1 << (bit & 7);
}

export function coverFields(fields: readonly Field[], mask: Uint8Array, at: number): void {
  for (const { codec, offset } of fields) cover(codec, mask, at + offset);
}

/** Makes a function that clears the padding of a record. The mask is made at its first call, not for each huge struct. */
export function padding(fields: readonly Field[], size: number): (pointer: PointerLike) => void {
  let mask: Uint8Array | null = null;
  let places: number[] = [];
  return (pointer) => {
    farOf("clearPadding", pointer, 0, size);
    if (mask === null) {
      const made = new Uint8Array(size);
      coverFields(fields, made, 0);
      places = [...made.keys()].filter((place) => made[place] !== 0xff);
      mask = made;
    }
    for (const place of places) write.u8(pointer, read.u8(pointer, place) & mask[place]!, place);
  };
}
