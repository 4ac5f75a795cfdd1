/**
 * The classes of records and arrays, generated as source text, once per layout.
 *
 * Owns the text. Why generated: V8 collects type feedback per place in the source. If the accessors of all structs came from
 * one place, each would seem to meet all classes of records (megamorphic). Generated code meets one class, and has offsets
 * and tables as constants. What a record holds (held.ts) leaves an access one test, whether the page is mapped; all else is
 * done when the record is made. So an accessor is short, and V8 inlines many of them into one function (V8 rule 1); while it
 * does, it allocates no record. The text contains names of fields as properties, which struct.ts has checked, and nothing
 * else from the program.
 *
 * Where code from strings is forbidden (--disallow-code-generation-from-strings, a content policy), plain.ts makes equivalent
 * classes that are slower.
 */
import { NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { high } from "./addresses.js";
import { put } from "./assign.js";
import type { Codec, Field, LocatedClass } from "./codec.js";
import { addressHeld, FAR_OFFSET, held, hold, nearby } from "./held.js";
import type { Extent } from "./layout.js";
import { BYTES, LONGS, near } from "./place.js";
import type { Located } from "./shape.js";
import { mapped } from "./there.js";

/** What the generated code calls besides: each returns if nothing is wrong, else throws. */
export interface Checks {
  /** Checks that the bytes of a record at `pointer` are mapped. */
  checkRecord(pointer: PointerLike, size: number): void;
  /** Checks that an index is within an array. */
  checkIndex(index: number, length: number): void;
  /** Throws: a field that is a record or an array cannot be assigned to. */
  refuse(name: string): never;
}

/** The class of a struct's records; `at` checks that the record at a pointer is mapped. */
export interface RecordMaker {
  readonly Record: LocatedClass;
  readonly at: (pointer: PointerLike) => Located;
  /**
   * Writes the values of an object literal, field by field. Returns false, with nothing written, for any other values: the
   * caller handles or refuses those.
   */
  readonly assign: (record: Located, values: unknown) => boolean;
}

export interface Maker {
  record(fields: readonly Field[], extent: Extent, checks: Checks): RecordMaker;
  /** The class of arrays of records or of arrays. With length null, each array has a length of its own. */
  records(element: LocatedClass, extent: Extent, length: number | null, checks: Checks): LocatedClass;
  /** The class of arrays of values; `length` as above. */
  values(element: Codec, length: number | null, checks: Checks): LocatedClass;
}

/** The code of a near access at the place `at`: the expression that loads, the statement that stores. */
const WAYS: {
  readonly [way: string]: readonly [load: string, store: string, tests?: readonly [string, string]];
} = {
  u8: ["u8[at]", "u8[at] = value"],
  i8: ["i8[at]", "i8[at] = value"],
  bool: ["u8[at] !== 0", "u8[at] = value ? 1 : 0"],
  u16: ["u16[at >>> 1]", "u16[at >>> 1] = value"],
  i16: ["i16[at >>> 1]", "i16[at >>> 1] = value"],
  u32: ["u32[at >>> 2]", "u32[at >>> 2] = value"],
  i32: ["i32[at >>> 2]", "i32[at >>> 2] = value"],
  f32: ["f32[at >>> 2]", "f32[at >>> 2] = value"],
  f64: ["f64[at >>> 3]", "f64[at >>> 3] = value"],
  u64: ["data.getBigUint64(at, true)", "data.setBigUint64(at, value, true)"],
  i64: ["data.getBigInt64(at, true)", "data.setBigInt64(at, value, true)"],
  // Addresses below 2 GiB: they need no arithmetic, and stay integers.
  pointer: [
    "u32[at >>> 2]",
    "const word = at >>> 2; high[word] = 0; u32[word] = value",
    ["!high[at >>> 2]", 'typeof value === "number" && value === (value & bytes)'],
  ],
};

const surroundings = {
  ...near,
  high,
  mapped,
  bytes: BYTES,
  longs: LONGS,
  /** The place of NULL. */
  none: NULL - near.start,
  held,
  nearby,
  hold,
  addressHeld,
  // What assign() needs to recognise an object literal.
  plain: Object.prototype,
  prototypeOf: Object.getPrototypeOf,
  hasOwn: Object.hasOwn,
};

/** Evaluates the text. All that it names are parameters of it, which V8 folds as constants. */
function make<T>(text: string, given: object): T {
  const all = { ...surroundings, ...given };
  const code = new Function(...Object.keys(all), `"use strict"; ${text}`) as (...values: unknown[]) => T;
  return code(...Object.values(all));
}

/** Offsets in the window at which a place is near and aligned; none for a struct so large that it cannot be near. */
function maskOf({ size, alignment }: Extent): number {
  return size > FAR_OFFSET ? 0 : BYTES & -Math.min(alignment, 8);
}

export const generator: Maker = {
  record(fields, extent, checks) {
    const mask = maskOf(extent);
    // Record is made first, to be a parameter of the rest: a const would be tested for initialization at each use.
    const Record = make<LocatedClass>(recordClassText, { mask });
    const outside = (pointer: PointerLike) => {
      checks.checkRecord(pointer, extent.size);
      return Record.from(pointer);
    };
    const given: { [name: string]: unknown } = { ...checks, Record, mask, outside };
    for (const [i, field] of fields.entries()) Object.assign(given, exitsOf(field, i));
    const { accessors, at, assign } = make<{ accessors: object } & RecordMaker>(
      recordText(fields, extent),
      given,
    );
    const described = Object.getOwnPropertyDescriptors(accessors) as PropertyDescriptorMap;
    for (const { name } of fields)
      Object.defineProperty(Record.prototype, name, { ...described[name], enumerable: false });
    return { Record, at, assign };
  },
  records(element, { size, alignment }, length, { checkIndex }) {
    const outside = (array: Row, index: number) => {
      checkIndex(index, array.length);
      return element.from((array.pointer + index * size) as Pointer);
    };
    const Walk = make(walkText(size), { Element: element });
    const mask = maskOf({ size: 0, alignment });
    return make<LocatedClass>(recordsText(size, length), { mask, Element: element, Walk, outside });
  },
  values(codec, length, { checkIndex }) {
    const { get, set, size, way } = codec;
    const outside = {
      get(array: Row, index: number) {
        checkIndex(index, array.length);
        return get(array.pointer, index * size);
      },
      set(array: Row, index: number, value: never) {
        checkIndex(index, array.length);
        set!(array.pointer, value, index * size);
      },
    };
    const Walk = make(VALUE_WALK, {});
    return make<LocatedClass>(valuesText(codec, length), {
      mask: maskOf({ size: 0, alignment: way === undefined ? 1 : size }),
      Walk,
      getOutside: outside.get,
      setOutside: outside.set,
    });
  },
};

type Row = Located & { readonly length: number };

/** The paths of a field's code that are not inline, by names that end with the field's number. */
function exitsOf({ offset, codec }: Pick<Field, "offset" | "codec">, i: number): object {
  const { get, set, type, points } = codec;
  return {
    [`get${i}`]: (record: Located) => get(record.pointer, offset),
    [`set${i}`]: (record: Located, value: never) => set!(record.pointer, value, offset),
    [`put${i}`]: (record: Located, value: never) => put(record.pointer, { offset, codec }, value),
    [`type${i}`]: type,
    [`find${i}`]: points,
  };
}

const POINTER = `get pointer() { const at = this[held]; return at === (at & bytes) ? at + start : addressHeld(at); }`;

const recordClassText = `return class Record {
  constructor(place) { this[held] = place; }
  static from(pointer) { return new Record(hold(pointer, mask)); }
  static addressOf(record) {
    if (record === null) return 0;
    return record instanceof Record ? record.pointer : -1;
  }
  ${POINTER}
  set pointer(pointer) {
    const at = typeof pointer === "number" ? pointer - start : -1;
    this[held] = at === (at & mask) ? at : hold(pointer, mask);
  }
};`;

function recordText(fields: readonly Field[], extent: Extent): string {
  const accessors = fields.map((field, i) => accessorText(field, i, extent));
  const targets = fields.flatMap(({ codec }, i) =>
    typeof codec.points === "function" ? [`target${i}`] : [],
  );
  return `${targets.length > 0 ? `let ${targets.join(", ")};` : ""}
  function at(pointer) {
    if (typeof pointer === "number") {
      const at = pointer - start;
      if (at === (at & mask) && mapped[at >>> 12]) return new Record(at);
    }
    return outside(pointer);
  }
  ${assignText(fields, extent)}
  return { at, assign, accessors: { ${accessors.join(", ")} } };`;
}

/** The place of a field, of the one that its record holds. */
function placeText(offset: number): string {
  return offset === 0 ? "this[held]" : `this[held] + ${offset}`;
}

function accessorText({ name, offset, codec }: Field, i: number, extent: Extent): string {
  const refuse = `set ${name}(value) { refuse("${name}"); }`;
  if (codec.type !== undefined) {
    const isAligned = extent.alignment % codec.alignment === 0 && offset % codec.alignment === 0;
    if (!isAligned || extent.size > FAR_OFFSET) return `get ${name}() { return get${i}(this); }, ${refuse}`;
    return `get ${name}() {
        const at = this[held];
        return at === (at & bytes) ? new type${i}(at + ${offset}) : get${i}(this);
      }, ${refuse}`;
  }
  if (codec.set === null) return `get ${name}() { return get${i}(this); }, ${refuse}`;
  const near = nearText(codec, offset, extent);
  if (near === null)
    return `get ${name}() { return get${i}(this); }, set ${name}(value) { set${i}(this, value); }`;
  const at = `const at = ${placeText(offset)};`;
  if (codec.points !== undefined) {
    const [target, mask] =
      codec.points === "self" ? ["Record", "mask"] : [`(target${i} ??= find${i}())`, "longs"];
    return `get ${name}() {
        ${at}
        if (${near.mayLoad}) {
          const to = ${near.load} - start;
          if (to === (to & ${mask})) return new ${target}(to);
          if (to === none) return null;
        }
        return get${i}(this);
      },
      set ${name}(record) {
        ${at}
        const value = ${target}.addressOf(record);
        if (${near.mayStore}) { ${near.store}; } else set${i}(this, record);
      }`;
  }
  return `get ${name}() { ${at} return ${near.mayLoad} ? ${near.load} : get${i}(this); },
    set ${name}(value) { ${at} if (${near.mayStore}) { ${near.store}; } else set${i}(this, value); }`;
}

/** The code of assign(). A field named like a property of Object.prototype counts as given only if it is the object's own. */
function assignText(fields: readonly Field[], extent: Extent): string {
  const names = fields.map(({ name }) => `case "${name}":`).join(" ");
  const stores = fields.map(({ name, offset, codec }, i) => {
    const value =
      name in Object.prototype ? `hasOwn(values, "${name}") ? values.${name} : undefined` : `values.${name}`;
    const near = codec.points === undefined ? nearText(codec, offset, extent) : null;
    const put = `put${i}(record, value);`;
    const store =
      near === null
        ? put
        : `const at = place + ${offset}; if (${near.mayStore}) { ${near.store}; } else ${put}`;
    return `{ const value = ${value}; if (value !== undefined) { ${store} } }`;
  });
  return `function assign(record, values) {
    if (typeof values !== "object" || values === null || prototypeOf(values) !== plain || held in values) return false;
    for (const name in values) { switch (name) { ${names} break; default: return false; } }
    const place = record[held];
    ${stores.join("\n")}
    return true;
  }`;
}

interface NearText {
  /** The conditions of a load and of a store: the page is mapped, and the value is one that they are for. */
  readonly mayLoad: string;
  readonly mayStore: string;
  readonly load: string;
  readonly store: string;
}

/** The code of a near access at the place `at`; null if there is none. */
function nearText(codec: Codec, offset: number, { alignment }: Pick<Extent, "alignment">): NearText | null {
  const { size } = codec;
  const way = codec.points === undefined ? codec.way : "pointer";
  if (way === undefined || offset >= FAR_OFFSET) return null;
  const [load, store, [loads, fits] = []] = WAYS[way]!;
  const isAligned = alignment % size === 0 && offset % size === 0;
  const here = ["mapped[at >>> 12]", ...(isAligned ? [] : [`(at & ${size - 1}) === 0`])];
  const both = (test?: string) => [...here, ...(test === undefined ? [] : [test])].join(" && ");
  return { mayLoad: both(loads), mayStore: both(fits), load, store };
}

/** Arrays are near as a whole, or all their elements are reached by their addresses. */
function arrayText(size: number, length: number | null): string {
  const all = length ?? "length";
  return `constructor(place, length) {
    this[held] = place;
    this[nearby] = place >= 0 && place + ${all} * ${size} <= ${FAR_OFFSET} ? ${all} : 0;
    this.length = ${all};
  }
  static from(pointer, length) { return new this(hold(pointer, mask), length); }
  ${POINTER}`;
}

/** Whether an element is near. The test of the type comes first: nothing may convert an index. */
const IS_NEAR = `typeof index === "number" && index === index >>> 0 && index < this[nearby]`;

/** next() creates its result and the record in one expression, so that V8 allocates neither. At the end the value is unused. */
function walkText(size: number): string {
  return `return class Walk {
    constructor(place, length) { this.place = place; this.length = length; this.index = 0; }
    next() { const index = this.index++; return { done: index >= this.length, value: new Element(this.place + index * ${size}) }; }
    [Symbol.iterator]() { return this; }
  };`;
}

function recordsText(size: number, length: number | null): string {
  return `return class Records {
    ${arrayText(size, length)}
    at(index) {
      if (${IS_NEAR}) return new Element(this[held] + index * ${size});
      return outside(this, index);
    }
    pointerAt(index) {
      if (${IS_NEAR}) return this[held] + index * ${size} + start;
      return outside(this, index).pointer;
    }
    [Symbol.iterator]() { return this.length === this[nearby] ? new Walk(this[held], this.length) : walkOutside(this); }
  };
  function* walkOutside(array) { for (let i = 0; i < array.length; i++) yield array.at(i); }`;
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
  const near = codec.points === undefined ? nearText(codec, 0, { alignment: codec.size }) : null;
  const at = (may: string, work: string) =>
    `if (${IS_NEAR}) {
        const at = this[held] + index * ${codec.size};
        if (${may}) ${work}
      }`;
  return `return class Values {
    ${arrayText(codec.size, length)}
    get(index) {
      ${near === null ? "" : at(near.mayLoad, `return ${near.load};`)}
      return getOutside(this, index);
    }
    set(index, value) {
      ${near === null ? "" : at(near.mayStore, `{ ${near.store}; return; }`)}
      setOutside(this, index, value);
    }
    [Symbol.iterator]() { return new Walk(this); }
  };`;
}
