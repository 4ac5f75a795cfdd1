/**
 * Struct layout by the rules of the C ABI (System V for x86-64, AAPCS64 for arm64), which agree on everything that a
 * definition can contain.
 *
 *   offset of a field  =  end of the field before it, rounded up to the field's alignment
 *   alignment          =  the largest of the fields
 *   size               =  end of the last field, rounded up to the alignment
 *
 * An array is aligned as its elements are. A bit-field follows the bits before it, from the lowest bit up; one that would
 * cross a boundary of its integer type starts a new integer. In a union all offsets are 0. Must not know what a field means.
 */
import { roundUp } from "../memory/memory.js";

export interface Extent {
  readonly size: number;
  readonly alignment: number;
  /** The width of a bit-field; absent for other fields. */
  readonly bits?: number;
}

export interface Layout {
  readonly size: number;
  readonly alignment: number;
  /** Per field, in order; for a bit-field, the offset of its integer. */
  readonly offsets: readonly number[];
  /** Per field: bits of that integer below the bit-field; 0 for other fields. */
  readonly shifts: readonly number[];
}

/** Fields are aligned to at most `most` bytes, the struct to at least `least`. */
export interface Limits {
  readonly most: number;
  readonly least: number;
}

export const NATURAL: Limits = { most: 16, least: 1 };

export function layOut(fields: readonly Extent[], { most, least }: Limits = NATURAL): Layout {
  const offsets: number[] = [];
  const shifts: number[] = [];
  let endBits = 0;
  let alignment = least;
  for (const { size, alignment: wanted, bits } of fields) {
    const own = Math.min(wanted, most);
    const unit = 8 * size;
    let start = bits === undefined ? roundUp(endBits, 8 * own) : endBits;
    if (bits !== undefined && Math.floor(start / unit) !== Math.floor((start + bits - 1) / unit))
      start = roundUp(start, unit);
    const offset = bits === undefined ? start / 8 : Math.floor(start / unit) * size;
    offsets.push(offset);
    shifts.push(start - 8 * offset);
    endBits = start + (bits ?? unit);
    alignment = Math.max(alignment, own);
  }
  return { offsets, shifts, alignment, size: roundUp(Math.ceil(endBits / 8), alignment) };
}

export function layOutUnion(fields: readonly Extent[]): Layout {
  const alignment = Math.max(1, ...fields.map((field) => field.alignment));
  const none = fields.map(() => 0);
  const size = roundUp(Math.max(0, ...fields.map((field) => field.size)), alignment);
  return { offsets: none, shifts: none, alignment, size };
}
