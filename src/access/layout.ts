/**
 * Where fields lie in a struct: the rules of the C ABI (System V for x86-64, AAPCS64 for arm64), which agree on
 * everything that a definition can say.
 *
 *   offset of a field  =  end of the field before it, rounded up to the field's alignment
 *   alignment          =  the largest of the fields
 *   size               =  end of the last field, rounded up to the alignment
 *
 * An array is aligned as its elements are. Must not know what a field means.
 */
import { roundUp } from "../core/memory.js";

export interface Extent {
  readonly size: number;
  readonly alignment: number;
}

export interface Layout extends Extent {
  /** Per field, in their order. */
  readonly offsets: readonly number[];
}

export function layOut(fields: readonly Extent[]): Layout {
  const offsets: number[] = [];
  let end = 0;
  let alignment = 1;
  for (const field of fields) {
    const offset = roundUp(end, field.alignment);
    offsets.push(offset);
    end = offset + field.size;
    alignment = Math.max(alignment, field.alignment);
  }
  return { offsets, alignment, size: roundUp(end, alignment) };
}
