/**
 * The classes that generate.ts makes from text, made without it: for where code from strings is forbidden.
 */
import type { Pointer } from "../memory/memory.js";
import type { Codec, Field, LocatedClass } from "./codec.js";
import type { ArrayType, Checks, Maker, RecordMaker } from "./generate.js";
import type { Located } from "./shape.js";

export const plainMaker: Maker = { record: plainRecord, records: plainRecords, values: plainValues };

function plainRecord(fields: readonly Field[], size: number, checks: Checks): RecordMaker {
  class Record {
    pointer: Pointer;

    constructor(pointer: Pointer) {
      this.pointer = pointer;
    }
  }
  for (const field of fields) Object.defineProperty(Record.prototype, field.name, accessor(field, checks));
  const at = (pointer: Pointer) => {
    checks.checkRecord(pointer, size);
    return new Record(pointer);
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

/** What all arrays have: their address and length. */
abstract class ArrayBase {
  readonly pointer: Pointer;
  readonly length: number;

  constructor(pointer: Pointer, length: number) {
    this.pointer = pointer;
    this.length = length;
  }
}

function plainRecords(
  element: LocatedClass,
  size: number,
  fixed: number | null,
  { checkIndex }: Checks,
): ArrayType {
  return class Records extends ArrayBase {
    constructor(pointer: Pointer, length: number) {
      super(pointer, fixed ?? length);
    }

    at(index: number): Located {
      return new element(this.pointerAt(index));
    }

    pointerAt(index: number): Pointer {
      checkIndex(index, this.length);
      return (this.pointer + index * size) as Pointer;
    }

    *[Symbol.iterator](): IterableIterator<Located> {
      for (let i = 0; i < this.length; i++) yield this.at(i);
    }
  };
}

function plainValues({ get, set, size }: Codec, fixed: number | null, { checkIndex }: Checks): ArrayType {
  return class Values extends ArrayBase {
    constructor(pointer: Pointer, length: number) {
      super(pointer, fixed ?? length);
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
  };
}
