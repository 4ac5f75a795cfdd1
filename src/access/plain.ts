/**
 * The classes that generate.ts makes from text, made without it: for where code from strings is forbidden.
 */
import type { Pointer, PointerLike } from "../memory/memory.js";
import type { Codec, Field, LocatedClass } from "./codec.js";
import type { Checks, Maker, RecordMaker } from "./generate.js";
import { addressHeld, held, hold } from "./held.js";
import type { Extent } from "./layout.js";
import { BYTES } from "./place.js";
import type { Located } from "./shape.js";

export const plainMaker: Maker = { record: plainRecord, records: plainRecords, values: plainValues };

/** The property of all arrays, on their class's prototype, which has no other prototype's properties (closed.ts). */
const pointer: PropertyDescriptor & ThisType<{ [held]: number }> = {
  configurable: true,
  get() {
    return addressHeld(this[held]);
  },
};

/** Of records: it may be set. */
const movable: typeof pointer = {
  ...pointer,
  set(address: PointerLike) {
    this[held] = hold(address, BYTES);
  },
};

function plainRecord(fields: readonly Field[], { size }: Extent, checks: Checks): RecordMaker {
  class Record {
    readonly [held]: number;
    declare readonly pointer: Pointer;

    constructor(place: number) {
      this[held] = place;
    }

    static from(pointer: PointerLike): Record {
      return new Record(hold(pointer, BYTES));
    }
  }
  Object.defineProperty(Record.prototype, "pointer", movable);
  for (const field of fields) Object.defineProperty(Record.prototype, field.name, accessor(field, checks));
  const at = (pointer: PointerLike) => {
    checks.checkRecord(pointer, size);
    return Record.from(pointer);
  };
  return { Record, at, assign: () => false };
}

type Accessor = PropertyDescriptor & ThisType<{ readonly pointer: Pointer }>;

function accessor({ name, offset, codec: { get, set } }: Field, checks: Checks): PropertyDescriptor {
  const both: Accessor = {
    configurable: true,
    get() {
      return get(this.pointer, offset);
    },
    set(value: never) {
      if (set === null) checks.refuse(name);
      set(this.pointer, value, offset);
    },
  };
  return both;
}

abstract class ArrayPlace {
  readonly [held]: number;
  readonly length: number;
  declare readonly pointer: Pointer;

  constructor(place: number, length: number) {
    this[held] = place;
    this.length = length;
  }
}

function plainRecords(
  element: LocatedClass,
  { size }: Extent,
  fixed: number | null,
  { checkIndex }: Checks,
): LocatedClass {
  class Records extends ArrayPlace {
    constructor(place: number, length?: number) {
      super(place, fixed ?? length!);
    }

    static from(pointer: PointerLike, length?: number): Located {
      return new this(hold(pointer, BYTES), length);
    }

    at(index: number): Located {
      return element.from(this.pointerAt(index));
    }

    pointerAt(index: number): Pointer {
      checkIndex(index, this.length);
      return (this.pointer + index * size) as Pointer;
    }

    *[Symbol.iterator](): IterableIterator<Located> {
      for (let i = 0; i < this.length; i++) yield this.at(i);
    }
  }
  Object.defineProperty(Records.prototype, "pointer", pointer);
  return Records;
}

function plainValues({ get, set, size }: Codec, fixed: number | null, { checkIndex }: Checks): LocatedClass {
  class Values extends ArrayPlace {
    constructor(place: number, length?: number) {
      super(place, fixed ?? length!);
    }

    static from(pointer: PointerLike, length?: number): Located {
      return new this(hold(pointer, BYTES), length);
    }

    get(index: number): unknown {
      checkIndex(index, this.length);
      return get(this.pointer, index * size);
    }

    set(index: number, value: unknown): void {
      checkIndex(index, this.length);
      set!(this.pointer, value as never, index * size);
    }

    *[Symbol.iterator](): IterableIterator<unknown> {
      for (let i = 0; i < this.length; i++) yield this.get(i);
    }
  }
  Object.defineProperty(Values.prototype, "pointer", pointer);
  return Values;
}
