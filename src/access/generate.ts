/**
 * The classes of records and arrays, generated as source text, once per layout.
 *
 * Owns the text. Why generated: V8 collects type feedback per place in the source. If the accessors of all structs came from
 * one place, each would seem to meet all classes of records (megamorphic). Generated code meets one class, has offsets and
 * tables as constants, and makes no call: V8 compiles an access into a few instructions, and allocates no record for it. The
 * text contains names of fields as properties, which struct.ts has checked, and nothing else from the program.
 *
 * Where code from strings is forbidden (--disallow-code-generation-from-strings, a content policy), plain.ts makes equivalent
 * classes that are slower.
 */
import type { Pointer } from "../memory/memory.js";
import { put } from "./assign.js";
import type { Codec, Field, LocatedClass } from "./codec.js";
import { BYTES, HALVES, LONGS, near, WORDS } from "./place.js";
import type { Located } from "./shape.js";
import { high, small } from "./small.js";
import { mapped } from "./there.js";

export type ArrayType = new (pointer: Pointer, length: number) => Located;

/** Checks off the fast path. Each returns if nothing is wrong, else throws. */
export interface Checks {
  /** Checks that the bytes of a record at `pointer` are mapped. */
  checkRecord(pointer: Pointer, size: number): void;
  /** Checks that an index is within an array. */
  checkIndex(index: number, length: number): void;
  /** Throws: a field that is a record or an array cannot be assigned to. */
  refuse(name: string): never;
}

/** The class of a struct's records; `at` checks that the record at a pointer is mapped. */
export interface RecordMaker {
  readonly Record: LocatedClass;
  readonly at: (pointer: Pointer) => Located;
  /**
   * Writes the values of an object literal, field by field. Returns false, with nothing written, for any other values: the
   * caller handles or refuses those.
   */
  readonly assign: (pointer: Pointer, values: unknown) => boolean;
}

export interface Maker {
  record(fields: readonly Field[], size: number, checks: Checks): RecordMaker;
  /** The class of arrays of records or of arrays. With length null, each array has a length of its own. */
  records(element: LocatedClass, size: number, length: number | null, checks: Checks): ArrayType;
  /** The class of arrays of values; `length` as above. */
  values(element: Codec, length: number | null, checks: Checks): ArrayType;
}

/** The code of a near access: the mask for its alignment, the expression that loads, the statement that stores. */
const WAYS: { readonly [way: string]: readonly [mask: string, value: string, store: string] } = {
  u8: ["bytes", "u8[at]", "u8[at] = value"],
  i8: ["bytes", "i8[at]", "i8[at] = value"],
  bool: ["bytes", "u8[at] !== 0", "u8[at] = value ? 1 : 0"],
  u16: ["halves", "u16[at >>> 1]", "u16[at >>> 1] = value"],
  i16: ["halves", "i16[at >>> 1]", "i16[at >>> 1] = value"],
  u32: ["words", "u32[at >>> 2]", "u32[at >>> 2] = value"],
  i32: ["words", "i32[at >>> 2]", "i32[at >>> 2] = value"],
  f32: ["words", "f32[at >>> 2]", "f32[at >>> 2] = value"],
  f64: ["longs", "f64[at >>> 3]", "f64[at >>> 3] = value"],
  u64: ["longs", "data.getBigUint64(at, true)", "data.setBigUint64(at, value, true)"],
  i64: ["longs", "data.getBigInt64(at, true)", "data.setBigInt64(at, value, true)"],
  pointer: ["longs", "u32[at >>> 2]", "setAddress(at >>> 2, highOf(value), value)"],
};

/** What assign() needs to recognise an object literal. */
const literals = { plain: Object.prototype, prototypeOf: Object.getPrototypeOf, hasOwn: Object.hasOwn };
const surroundings = {
  high,
  ...literals,
  ...near,
  ...small,
  mapped,
  bytes: BYTES,
  halves: HALVES,
  words: WORDS,
  longs: LONGS,
};

/** Evaluates the text. All that it names are parameters of it, which V8 folds as constants. */
function make<T>(text: string, given: object): T {
  const all = { ...surroundings, ...given };
  const code = new Function(...Object.keys(all), `"use strict"; ${text}`) as (...values: unknown[]) => T;
  return code(...Object.values(all));
}

export const generator: Maker = {
  record(fields, size, checks) {
    // Record is made first, to be a parameter of the rest: a const would be tested for initialization at each use.
    const Record = make<LocatedClass>(
      "return class Record { constructor(pointer) { this.pointer = pointer; } };",
      {},
    );
    const outside = (pointer: Pointer) => {
      checks.checkRecord(pointer, size);
      return new Record(pointer);
    };
    const given: { [name: string]: unknown } = { ...checks, ...originsOf(fields), Record, outside };
    for (const [i, field] of fields.entries()) Object.assign(given, exitsOf(field, i));
    const { accessors, at, assign } = make<{ accessors: object } & RecordMaker>(recordText(fields), given);
    const described = Object.getOwnPropertyDescriptors(accessors) as PropertyDescriptorMap;
    for (const { name } of fields)
      Object.defineProperty(Record.prototype, name, { ...described[name], enumerable: false });
    return { Record, at, assign };
  },
  records(element, size, length, checks) {
    const Walk = make(walkText(size), { Element: element });
    return make(placesText(size, length), { Element: element, Walk, ...checks });
  },
  values(codec, length, checks) {
    const field = { offset: 0, codec };
    const Walk = make(VALUE_WALK, {});
    return make(valuesText(codec, length), { Walk, ...originsOf([field]), ...exitsOf(field, 0), ...checks });
  },
};

/** For each field, the address of the near part's start less the field's offset: one subtraction gives a field's place. */
function originsOf(fields: ReadonlyArray<Pick<Field, "offset">>): { [name: string]: number } {
  return Object.fromEntries(fields.map(({ offset }) => [`from${offset}`, near.start - offset]));
}

/** The far paths of a field's code, by names that end with the field's number. */
function exitsOf({ offset, codec }: Pick<Field, "offset" | "codec">, i: number): object {
  const { get, set, type } = codec;
  return {
    [`get${i}`]: (pointer: Pointer) => get(pointer, offset),
    [`set${i}`]: (pointer: Pointer, value: never) => set!(pointer, value, offset),
    [`put${i}`]: (pointer: Pointer, value: never) => put(pointer, { offset, codec }, value),
    [`type${i}`]: type,
  };
}

function recordText(fields: readonly Field[]): string {
  return `function at(pointer) {
    ${ifNear("start", "bytes", "return new Record(pointer);")}
    return outside(pointer);
  }
  ${assignText(fields)}
  return { at, assign, accessors: { ${fields.map(accessorText).join(", ")} } };`;
}

/** Code that does `work` if the place is near, mapped, and `also` holds. */
function ifNear(origin: string, mask: string, work: string, also = ""): string {
  return `if (typeof pointer === "number") {
    const at = pointer - ${origin};
    if (at === (at & ${mask}) && mapped[at >>> 12] ${also}) { ${work} }
  }`;
}

function accessorText({ name, offset, codec }: Field, i: number): string {
  if (codec.type !== undefined)
    return `get ${name}() { return new type${i}(this.pointer + ${offset}); }, set ${name}(value) { refuse("${name}"); }`;
  if (codec.set === null)
    return `get ${name}() { return get${i}(this.pointer); }, set ${name}(value) { refuse("${name}"); }`;
  const { load, store } = nearText(codec, offset);
  return `get ${name}() { const pointer = this.pointer; ${load} return get${i}(pointer); },
    set ${name}(value) { const pointer = this.pointer; ${store} set${i}(pointer, value); }`;
}

/** The code of assign(). A field named like a property of Object.prototype counts as given only if it is the object's own. */
function assignText(fields: readonly Field[]): string {
  const names = fields.map(({ name }) => `case "${name}":`).join(" ");
  const stores = fields.map(({ name, offset, codec }, i) => {
    const value =
      name in Object.prototype ? `hasOwn(values, "${name}") ? values.${name} : undefined` : `values.${name}`;
    const { store } = nearText(codec, offset, `break field${i}`);
    return `field${i}: { const value = ${value}; if (value === undefined) break field${i}; ${store} put${i}(pointer, value); }`;
  });
  return `function assign(pointer, values) {
    if (typeof values !== "object" || values === null || prototypeOf(values) !== plain) return false;
    for (const name in values) { switch (name) { ${names} break; default: return false; } }
    ${stores.join("\n")}
    return true;
  }`;
}

/** For loads of addresses. Inline, not a call: the smaller a getter, the more of them V8 inlines (V8 rule 1). */
const BELOW_4_GIB = "&& !high[at >>> 2]";

/** The code of a near load and store; empty for codecs without a `way`. */
function nearText(
  { way }: Codec,
  offset: number,
  done = "return",
): { readonly load: string; readonly store: string } {
  if (way === undefined) return { load: "", store: "" };
  const [mask, value, store] = WAYS[way]!;
  return {
    load: ifNear(`from${offset}`, mask, `return ${value};`, way === "pointer" ? BELOW_4_GIB : ""),
    store: ifNear(`from${offset}`, mask, `${store}; ${done};`),
  };
}

/** Functions for the address of an element, with the check of its index. */
function placeText(size: number): string {
  return `function wrong(index, length) { checkIndex(index, length); return index; }
    function sure(index, length) { return isIndex(index, length) ? index : wrong(index, length); }
    function place(array, index) { return array.pointer + sure(index, array.length) * ${size}; }`;
}

function constructorText(length: number | null): string {
  return `constructor(pointer, length) { this.pointer = pointer; this.length = ${length ?? "length"}; }`;
}

/** next() creates its result and the record in one expression, so that V8 allocates neither. At the end the value is unused. */
function walkText(size: number): string {
  return `return class Walk {
    constructor(pointer, length) { this.pointer = pointer; this.length = length; this.index = 0; }
    next() { const index = this.index++; return { done: index >= this.length, value: new Element(this.pointer + index * ${size}) }; }
    [Symbol.iterator]() { return this; }
  };`;
}

function placesText(size: number, length: number | null): string {
  return `${placeText(size)}
  return class Records {
    ${constructorText(length)}
    at(index) { return new Element(place(this, index)); }
    pointerAt(index) { return place(this, index); }
    [Symbol.iterator]() { return new Walk(this.pointer, this.length); }
  };`;
}

const VALUE_WALK = `return class Walk {
    constructor(values) { this.values = values; this.index = 0; }
    next() {
      const index = this.index++;
      if (index < this.values.length) return { done: false, value: this.values.get(index) };
      return { done: true, value: undefined };
    }
    [Symbol.iterator]() { return this; }
  };`;

function valuesText(codec: Codec, length: number | null): string {
  const { load, store } = nearText(codec, 0);
  return `${placeText(codec.size)}
  return class Values {
    ${constructorText(length)}
    get(index) { const pointer = place(this, index); ${load} return get0(pointer); }
    set(index, value) { const pointer = place(this, index); ${store} set0(pointer, value); }
    [Symbol.iterator]() { return new Walk(this); }
  };`;
}
