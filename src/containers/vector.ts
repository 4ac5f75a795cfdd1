/**
 * Vector: a growable contiguous array of values or records.
 *
 * Owns the layout of a vector and how it grows. Must not know how blocks are made.
 *
 *   vector  0 kind | 4 mark of the element | 8 data | 16 length, u32 | 20 capacity, u32 | 24 spare
 *   data    capacity elements, of which length are there
 *
 *   length <= capacity
 *
 * `length` is stored after an element was written: until then the element does not exist. To grow, a larger block is
 * allocated and filled, and becomes `data` by one store; then `capacity` is stored. The new block is noted as `spare` before
 * that store, and the old one after it, so that the next thread that grows the vector frees what a terminated one left.
 * realloc is not used: until its result is stored, `data` would be a freed block.
 */
import { calloc, copy, fill, free, malloc, NULL, type Pointer, read, usableSize, write } from "../index.js";
import { type Element, type ElementFrom, type ElementOf, type ElementType, elementOf } from "./element.js";
import {
  checkKind,
  checkOpen,
  freed,
  freedTwice,
  Kind,
  retireKind,
  wrongElement,
  wrongRange,
} from "./header.js";

const MARK = 4;
const DATA = 8;
const LENGTH = 16;
const CAPACITY = 20;
const SPARE = 24;
const BYTES = 32;

const FIRST_BYTES = 64;
const MOST = 2 ** 32 - 1;

/**
 * A growable array, contiguous like a C array.
 *
 * **Threads**: each opens the vector by `Vector.at(pointer, type)`. Any number of threads may read and write elements at the
 * same time; push(), pop(), resize() and free() need the vector to themselves: no other thread may use it meanwhile. If a
 * thread is terminated, the vector stays usable, with or without the element that it was adding.
 *
 * A record of the vector, and `data`, are valid until it grows. For loops over many numbers, use one typed array from typed().
 *
 * @example
 * ```ts
 * import { struct, typed } from "heapwright";
 * import { Vector } from "heapwright/containers";
 *
 * const Point = struct({ x: "f64", y: "f64" });
 * using points = new Vector(Point);
 * for (let i = 0; i < 1000; i++) points.push({ x: i });
 * points.get(999).y = 2;
 * console.log(points.length, points.get(999).x, points.get(999).y); // 1000 999 2
 *
 * using numbers = new Vector("f64");
 * numbers.push(0.5);
 * numbers.push(1.5);
 * console.log(typed(Float64Array, numbers.data, numbers.length).join(), numbers.pop()); // 0.5,1.5 1.5
 * ```
 */
export class Vector<T extends ElementType> {
  /** Its address, for `Vector.at` in other threads. */
  readonly pointer: Pointer;
  readonly #element: Element;
  readonly #get: Element["get"];
  readonly #put: Element["put"];
  readonly #size: number;
  #owns: boolean;
  #isFreed = false;

  /**
   * Makes an empty vector.
   *
   * @param type the type of elements: the name of a scalar, `"f64"`, or a struct
   * @throws HeapError ERR_INVALID_ARG for another type; ERR_OUT_OF_MEMORY
   */
  constructor(type: T);
  /** @internal */
  constructor(type: T, existing: Pointer);
  constructor(type: T, existing?: Pointer) {
    this.#element = elementOf("Vector", type);
    this.#get = this.#element.get;
    this.#put = this.#element.put;
    this.#size = this.#element.size;
    this.#owns = existing === undefined;
    this.pointer = existing ?? create(this.#element.mark);
  }

  /**
   * The vector at an address, in any thread.
   *
   * @param type the type of elements that it was made for
   * @throws HeapError ERR_INVALID_POINTER when no vector starts there; ERR_INVALID_ARG when it was made for another type
   */
  static at<T extends ElementType>(pointer: Pointer, type: T): Vector<T> {
    checkKind("Vector.at", pointer, Kind.vector);
    const { mark } = elementOf("Vector.at", type);
    if (read.i32(pointer, MARK) !== mark) throw wrongElement("Vector.at", pointer);
    return new Vector(type, pointer);
  }

  /** Number of elements. */
  get length(): number {
    if (this.#isFreed) throw freed(Kind.vector);
    return read.u32(this.pointer, LENGTH);
  }

  /** Number of elements that fit without growing. */
  get capacity(): number {
    if (this.#isFreed) throw freed(Kind.vector);
    return read.u32(this.pointer, CAPACITY);
  }

  /** The address of the first element, until the vector grows; NULL before it has room for any. */
  get data(): Pointer {
    if (this.#isFreed) throw freed(Kind.vector);
    return read.f64(this.pointer, DATA) as Pointer;
  }

  /**
   * Element `index`: a value, or the record in the vector.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the vector
   */
  get(index: number): ElementOf<T> {
    if (!(index < this.length) || index >>> 0 !== index) throw this.#outside(index);
    return this.#get(this.data, index * this.#size) as ElementOf<T>;
  }

  /**
   * Writes element `index`: a value, a copy of a record, or values for its fields, with zero for the others. If the values are
   * refused, or the thread is terminated before, nothing is written.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the vector, or values that the struct has no place for
   */
  set(index: number, value: ElementFrom<T>): void {
    if (!(index < this.length) || index >>> 0 !== index) throw this.#outside(index);
    this.#element.set(this.data, value as never, index * this.#size);
  }

  /**
   * Adds an element at the end: a value, a copy of a record, values for its fields, or a record of zeros.
   *
   * @returns the element, as get() has it: `points.push().x = 1`
   * @throws HeapError ERR_OUT_OF_MEMORY, and ERR_INVALID_ARG as set; nothing was added then
   */
  push(...values: T extends string ? [value: ElementFrom<T>] : [values?: ElementFrom<T>]): ElementOf<T>;
  push(value?: ElementFrom<T>): ElementOf<T> {
    const { length } = this;
    const isFull = length === this.capacity;
    if (isFull) this.#grow(length + 1);
    const { data } = this;
    const place = length * this.#size;
    this.#put(data, value as never, place);
    write.u32(this.pointer, length + 1, LENGTH);
    if (isFull) this.#freeSpare(); // not before: the value may be a record in the old data
    return this.#get(data, place) as ElementOf<T>;
  }

  /** Removes the last element and returns it; undefined if there is none. A record is valid until the next push(). */
  pop(): ElementOf<T> | undefined {
    const { length } = this;
    if (length === 0) {
      this.#checkOpen();
      return undefined;
    }
    const last = this.get(length - 1);
    write.u32(this.pointer, length - 1, LENGTH);
    return last;
  }

  /**
   * Sets the number of elements: removes the last ones, or adds zeroed ones. The capacity never shrinks.
   *
   * @throws HeapError ERR_INVALID_ARG for an invalid length; ERR_OUT_OF_MEMORY
   */
  resize(length: number): void {
    if (typeof length !== "number" || length >>> 0 !== length) {
      throw wrongRange("Vector.resize", "a whole number from 0 to 2^32 - 1", length);
    }
    const was = this.length;
    if (length > this.capacity) {
      this.#grow(length);
      this.#freeSpare();
    }
    if (length > was) zero(this.data, was * this.#size, (length - was) * this.#size);
    write.u32(this.pointer, length, LENGTH);
  }

  /** The elements in order, as get() returns them. */
  *[Symbol.iterator](): Generator<ElementOf<T>, void> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  /** Frees the vector if this object made it by `new`: for `using`. */
  [Symbol.dispose](): void {
    if (this.#owns) this.free();
  }

  /**
   * Frees the vector. No thread may use it afterwards: this object throws ERR_DISPOSED, and others do so as long as the memory is not
   * allocated again.
   *
   * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when it was freed already
   */
  free(): void {
    if (this.#isFreed) throw freedTwice(Kind.vector);
    this.#owns = false;
    retireKind(this.pointer, Kind.vector);
    this.#freeSpare();
    const { data } = this;
    fill(this.pointer, 0, BYTES); // empty: whoever uses it comes to #checkOpen()
    this.#isFreed = true;
    free(data);
    free(this.pointer);
  }

  /** For paths that an empty vector takes: one that was freed is empty. */
  #checkOpen(): void {
    checkOpen(this.pointer, Kind.vector, this.#isFreed);
  }

  #outside(index: unknown): Error {
    this.#checkOpen();
    return wrongRange("Vector", `an index below its length of ${this.length}`, index);
  }

  /** Grows to at least `least` elements; the old data stays as the spare. */
  #grow(least: number): void {
    this.#checkOpen();
    this.#freeSpare();
    const { pointer, data, length } = this;
    const size = this.#size;
    if (least > MOST) throw wrongRange("Vector", `at most ${MOST} elements`, least);
    const larger = malloc(Math.max(least * size, Math.min(length * 2, MOST) * size, FIRST_BYTES));
    write.f64(pointer, larger, SPARE);
    if (length > 0) copy(larger, data, length * size);
    write.f64(pointer, larger, DATA);
    write.f64(pointer, data, SPARE);
    write.u32(pointer, Math.min(MOST, Math.floor(usableSize(larger) / size)), CAPACITY);
  }

  /** Frees the spare: a block that was to become the data, or was it. */
  #freeSpare(): void {
    const spare = read.f64(this.pointer, SPARE) as Pointer;
    if (spare === NULL) return;
    write.f64(this.pointer, NULL, SPARE); // first: a leak is better than a double free
    if (spare !== this.data) free(spare);
  }
}

function create(mark: number): Pointer {
  const pointer = calloc(1, BYTES);
  write.i32(pointer, mark, MARK);
  write.u32(pointer, Kind.vector);
  return pointer;
}

function zero(data: Pointer, place: number, bytes: number): void {
  if (bytes > 0) fill((data + place) as Pointer, 0, bytes);
}
