/**
 * A cache of typed arrays, by place and length.
 *
 * V8 takes 30 to 50 ns to make one, and leaves an object to collect. A program that walks lists by typed() makes equal arrays
 * again and again. An array that is requested twice in a row in its slot is kept, and the next request gets that object,
 * which is over the same memory. One that is requested once is not kept, so that it is collected soon.
 */
/** A typed array class: the size of its elements, and a constructor over part of a buffer. */
export interface TypedArrayClass<T> {
  /** Bytes of one element. */
  readonly BYTES_PER_ELEMENT: number;
  /** The array over part of a buffer. */
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

/** Slots per class; each holds one array at most. */
const SLOTS = 16384;

/** The properties of a typed array that are needed here. */
export interface ArrayRange {
  readonly byteOffset: number;
  readonly length: number;
}

export class Reused<T extends ArrayRange> {
  readonly type: TypedArrayClass<T>;
  readonly elementBytes: number;
  /** `place & mask` equals the place if that is near and aligned. */
  readonly mask: number;
  /** One empty array in one slot, until the first keep(). */
  #arrays: T[];
  #asked = new Int32Array(1);

  constructor(type: TypedArrayClass<T>) {
    this.type = type;
    this.elementBytes = type.BYTES_PER_ELEMENT;
    this.mask = 0x7fff_ffff & -this.elementBytes;
    this.#arrays = [new type(new ArrayBuffer(0), 0, 0)];
  }

  /** The array in the slot of a place; the caller checks whether it is for that place and length. */
  find(place: number): T {
    const arrays = this.#arrays;
    return arrays[slotOf(place) & (arrays.length - 1)]!;
  }

  /** To call after an array was made: keeps it if the previous one of its slot was made for the same place. */
  keep(place: number, array: T): void {
    if (this.#asked.length === 1) {
      this.#asked = new Int32Array(SLOTS);
      this.#arrays = new Array<T>(SLOTS).fill(this.#arrays[0]!);
    }
    const slot = slotOf(place) & (SLOTS - 1);
    if (this.#asked[slot] === place) this.#arrays[slot] = array;
    else this.#asked[slot] = place;
  }
}

/** Blocks lie at multiples of 16: the low 4 bits say nothing. */
function slotOf(place: number): number {
  return (place >>> 4) ^ (place >>> 18);
}
