/**
 * The classes of records and arrays: made by generate.ts or plain.ts, with the methods added that need not be fast.
 *
 * A record's only own property is what it holds of its address (held.ts). So one assignment moves it to another, and V8 need
 * not allocate a record that does not escape. Fields are accessors on the class's prototype; other methods are on that one's
 * prototype, so that a field may have any name. The last prototype refuses all other properties (closed.ts).
 */

import { rangeError, show, typeError } from "../errors.js";
import type { Pointer } from "../memory/memory.js";
import { type Assignable, assign, put, valuesByName, valuesInOrder } from "./assign.js";
import { close } from "./closed.js";
import { type Codec, type Field, type LocatedClass, locatedCodec, scalars } from "./codec.js";
import { type Checks, generator, type Maker, type RecordMaker } from "./generate.js";
import { held, nearby } from "./held.js";
import type { Extent } from "./layout.js";
import { cover } from "./padding.js";
import { farOf } from "./place.js";
import { plainMaker } from "./plain.js";
import type { Located, RecordArray, ValueArray } from "./shape.js";
import { inspect, shown } from "./shown.js";
import { searchRecords, sortRecords } from "./sort.js";

const checks: Checks = {
  checkRecord(pointer, size) {
    farOf("at", pointer, 0, size);
  },
  checkIndex(index, length) {
    if (Number.isInteger(index) && index >= 0 && index < length) return;
    const make = typeof index === "number" ? rangeError : typeError;
    throw make(
      "ERR_INVALID_ARG",
      `an index must be a whole number below the array's length of ${length}, got ${show(index)}`,
    );
  },
  refuse(name) {
    throw typeError(
      "ERR_INVALID_ARG",
      `${name} is a struct or an array inside this one: assign its parts, or copy() into its pointer`,
    );
  },
};

let chosen: Maker | null = null;

/** Chosen when the first struct is made: most programs have none. */
function maker(): Maker {
  chosen ??= mayGenerate() ? generator : plainMaker;
  return chosen;
}

function mayGenerate(): boolean {
  try {
    return (new Function("return true") as () => boolean)();
  } catch {
    return false;
  }
}

export function recordClass(fields: readonly Field[], extent: Extent): RecordMaker {
  const { size } = extent;
  const made = maker().record(fields, extent, checks);
  const byName = new Map(fields.map((field) => [field.name, field]));
  const names = [...byName.keys()].join(", ");
  function toObject(this: Located): object {
    return Object.fromEntries(fields.map((field) => [field.name, plainOf(this.pointer, field)]));
  }
  close(made.Record, [held], `the struct's fields are ${names}, and pointer is its address`, {
    [assign](this: Located, values: unknown): void {
      if (made.assign(this, values)) return;
      const given = new Map(valuesByName(values, byName));
      // In the order of the fields, so that the length of an array at the end is written before its elements.
      for (const field of fields) if (given.has(field.name)) put(this.pointer, field, given.get(field.name));
    },
    set(this: Located & Assignable, values: unknown): Located {
      this[assign](values);
      return this;
    },
    toObject,
    toJSON: toObject,
    [toPlain]: toObject,
    /** For console.log: the address and every field. */
    [inspect](this: Located): object | string {
      return shown(this.pointer, size, () => {
        const values = fields.map(({ name, offset, codec }) => [name, codec.get(this.pointer, offset)]);
        return { pointer: this.pointer, ...Object.fromEntries(values) };
      });
    },
  });
  return made;
}

/** A field's value as plain data, which postMessage() can send. */
function plainOf(pointer: Pointer, { offset, codec }: Field): unknown {
  if (codec.points !== undefined) return scalars.pointer.get(pointer, offset);
  const value = codec.get(pointer, offset);
  return codec.set === null ? plain(value as Located) : value;
}

/** A record or an array inside another one as plain data. */
function plain(place: Located): unknown {
  const copied = place as { toArray?(): unknown[]; [toPlain]?(): object };
  return copied[toPlain]?.() ?? copied.toArray?.();
}

/** toObject() under a name that no field can hide. */
const toPlain = Symbol("toPlain");

/** The own properties of an array. */
const OWN = [held, nearby, "length"];

/** The class of arrays of records, or of arrays. With length null, each array has a length of its own. */
export function recordArrayClass(
  element: LocatedClass,
  extent: Extent,
  length: number | null = null,
): LocatedClass {
  const { size } = extent;
  type This = RecordArray<Located>;
  const Records = maker().records(element, extent, length, checks);
  function toArray(this: This): unknown[] {
    return Array.from(this, plain);
  }
  close(Records, OWN, "the parts of element i are set through at(i)", {
    get byteLength(): number {
      return (this as unknown as This).length * size;
    },
    [assign](this: This, values: unknown): void {
      let index = 0;
      for (const value of valuesInOrder(values)) (this.at(index++) as unknown as Assignable)[assign](value);
    },
    sort(this: This, compare: (a: Located, b: Located) => number): This {
      sortRecords(this, element, size, compare);
      return this;
    },
    search(this: This, compare: (record: Located) => number): number {
      return searchRecords(this, element, size, compare);
    },
    toArray,
    toJSON: toArray,
    /** Does nothing: only an array that was made with its memory owns it (struct.ts). */
    [Symbol.dispose](): void {},
    [inspect](this: This): unknown[] | string {
      return shown(this.pointer, this.length * size, () => [...this]);
    },
  });
  return Records;
}

function valueArrayClass(element: Codec, length: number | null): LocatedClass {
  type This = ValueArray<unknown>;
  const Values = maker().values(element, length, checks);
  function toArray(this: This): unknown[] {
    return [...this];
  }
  close(Values, OWN, "element i is set by set(i, value)", {
    [assign](this: This, values: unknown): void {
      let index = 0;
      for (const value of valuesInOrder(values)) this.set(index++, value);
    },
    toArray,
    toJSON: toArray,
    [inspect](this: This): unknown[] | string {
      return shown(this.pointer, this.length * element.size, () => [...this]);
    },
  });
  return Values;
}

/** The class of arrays whose length is in another field. */
export function flexibleArrayClass(element: Codec): LocatedClass {
  return element.type === undefined
    ? valueArrayClass(element, null)
    : recordArrayClass(element.type, element);
}

/** A field of `length` elements in a row. */
export function arrayCodec(element: Codec, length: number): Codec {
  const { size, alignment, type } = element;
  const Nested =
    type === undefined ? valueArrayClass(element, length) : recordArrayClass(type, element, length);
  const extent = { size: size * length, alignment };
  const covers = (mask: Uint8Array, at: number) => {
    for (let i = 0; i < length; i++) cover(element, mask, at + i * size);
  };
  const place = locatedCodec(extent, Nested, `${element.key}[${length}]`, (koffi) => {
    const ref = element.koffi(koffi);
    // Without the hint koffi 3.3.4 decodes an array of arrays, or of texts, as if it had one dimension.
    return typeof ref === "string" ? koffi.array(ref, length) : koffi.array(ref, length, "Array");
  });
  return { ...place, covers };
}
