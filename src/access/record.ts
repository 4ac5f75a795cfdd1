/**
 * Records: the class whose objects are an address with fields.
 *
 * Owns the accessors, which stand on the class's prototype and are made once per struct. An object holds its address
 * and nothing else, so moving it is one assignment, and V8 need not make it where it is used at once.
 */
import type { Pointer } from "../core/memory.js";
import { typeError } from "../errors.js";
import type { Codec, Place } from "./codec.js";
import { inspect, shown } from "./shown.js";

export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
}

export function recordClass(fields: readonly Field[], size: number): Place {
  class Record {
    pointer: Pointer;

    constructor(pointer: Pointer) {
      this.pointer = pointer;
    }

    /** What console.log shows: the address and every field. */
    [inspect](): object | string {
      return shown(this.pointer, size, () => {
        const values = fields.map(({ name, offset, codec }) => [name, codec.get(this.pointer, offset)]);
        return { pointer: this.pointer, ...Object.fromEntries(values) };
      });
    }
  }
  for (const field of fields) Object.defineProperty(Record.prototype, field.name, accessor(field));
  return Record;
}

type Accessor = PropertyDescriptor & ThisType<{ readonly pointer: Pointer }>;

function accessor({ name, offset, codec: { get, set } }: Field): PropertyDescriptor {
  const reading: Accessor = {
    get() {
      return get(this.pointer, offset);
    },
  };
  if (set === null) return { ...reading, set: () => refuseAssignment(name) };
  const writing: Accessor = {
    set(value: never) {
      set(this.pointer, value, offset);
    },
  };
  return { ...reading, ...writing };
}

function refuseAssignment(name: string): never {
  throw typeError(
    "ERR_INVALID_ARG",
    `${name} is a struct or an array inside this one: assign its parts, or copy() into its pointer`,
  );
}
