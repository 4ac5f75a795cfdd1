/**
 * The note of all blocks that have pages of their own: which block is in each slot, or was in it last, and who allocated and freed it.
 *
 * Owns its picture, and what can be said of an address from it. It lies in raw memory, or in a file that survives the process, so this
 * must not know the library.
 *
 *   header  +0 "HWSLOTS1"   +8 process   +12 1 once it is whole   +16 address of the first slot   +24 bytes from one to the next
 *           +32 bytes of a slot that can be used   +40 slots   +44 frees so far   +48 address of the last fault   +56 script, a C string
 *   slot    +0 state   +4 which of all frees ended it   +8 block   +16 its bytes   +24 born   +32 freed   +40 threads that did that
 *           +64 stacks of both, two C strings
 *
 * Addresses and times are doubles, but for that of the fault, which is 8 bytes as the kernel gives it. Times are in milliseconds since
 * 1970; threads are Node's numbers of them.
 */

export const HEADER_BYTES = 512;
export const SLOT_BYTES = 2048;
/** Where the address of the last fault is. */
export const FAULT = 48;
const MAGIC = "HWSLOTS1";
const PROCESS = 8;
const IS_WHOLE = 12;
const FIRST = 16;
const STRIDE = 24;
const USABLE = 32;
const COUNT = 40;
const FREES = 44;
const SCRIPT = 56;

const STATE = 0;
const ORDER = 4;
const BLOCK = 8;
const BYTES = 16;
const BORN = 24;
const FREED = 32;
const BORN_BY = 40;
const FREED_BY = 44;
const BORN_STACK = 64;
const TEXT_BYTES = (SLOT_BYTES - BORN_STACK) / 2;
const FREED_STACK = BORN_STACK + TEXT_BYTES;

/** `taking` and `freeing`: somebody is about to. Seen under the lock, it is a thread that died. */
export const State = { unused: 0, taking: 1, live: 2, freeing: 3, freed: 4 } as const;

/** What is noted of the block of a slot. */
export interface Noted {
  readonly pointer: number;
  readonly size: number;
  readonly isLive: boolean;
  readonly born: string;
  /** "" while it lives. */
  readonly freed: string;
}

export class SlotNote {
  readonly #bytes: Uint8Array;
  readonly #data: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether it is one, and whole. */
  get isWhole(): boolean {
    const { byteLength } = this.#bytes;
    if (byteLength < HEADER_BYTES || this.#text(0, MAGIC.length) !== MAGIC) return false;
    return this.#data.getUint32(IS_WHOLE, true) === 1 && byteLength >= HEADER_BYTES + this.count * SLOT_BYTES;
  }

  /** Writes the header. */
  begin(process: number, script: string, first: number, stride: number, usable: number, count: number): void {
    this.#bytes.set(new TextEncoder().encode(MAGIC));
    this.#data.setUint32(PROCESS, process, true);
    this.#data.setFloat64(FIRST, first, true);
    this.#data.setFloat64(STRIDE, stride, true);
    this.#data.setFloat64(USABLE, usable, true);
    this.#data.setUint32(COUNT, count, true);
    this.#write(SCRIPT, HEADER_BYTES - SCRIPT, new TextEncoder().encode(script));
    this.#data.setUint32(IS_WHOLE, 1, true);
  }

  get process(): number {
    return this.#data.getUint32(PROCESS, true);
  }

  get script(): string {
    return this.#text(SCRIPT, HEADER_BYTES - SCRIPT);
  }

  /** 0 for none, and for one that the processor does not tell. */
  get fault(): number {
    return Number(this.#data.getBigUint64(FAULT, true));
  }

  /** Slots. */
  get count(): number {
    return this.#data.getUint32(COUNT, true);
  }

  /** Bytes of a slot that can be used. */
  get usable(): number {
    return this.#data.getFloat64(USABLE, true);
  }

  /** Where the slots end, with the inaccessible pages behind the last. */
  get end(): number {
    return this.start(this.count);
  }

  /** The address of a slot. */
  start(slot: number): number {
    return this.#data.getFloat64(FIRST, true) + slot * this.#data.getFloat64(STRIDE, true);
  }

  /** The slot that an address lies in, or in the inaccessible pages behind; may be out of range. */
  slotAt(address: number): number {
    return Math.floor((address - this.start(0)) / this.#data.getFloat64(STRIDE, true));
  }

  state(slot: number): number {
    return this.#data.getUint32(this.#at(slot) + STATE, true);
  }

  setState(slot: number, state: number): void {
    this.#data.setUint32(this.#at(slot) + STATE, state, true);
  }

  /** The block that is in a slot, or was last. */
  pointer(slot: number): number {
    return this.#data.getFloat64(this.#at(slot) + BLOCK, true);
  }

  size(slot: number): number {
    return this.#data.getFloat64(this.#at(slot) + BYTES, true);
  }

  /** How many blocks of all slots were freed since that of this one. */
  age(slot: number): number {
    return (this.#data.getUint32(FREES, true) - this.#data.getUint32(this.#at(slot) + ORDER, true)) >>> 0;
  }

  noteBirth(slot: number, pointer: number, size: number, thread: number, stack: Uint8Array): void {
    const at = this.#at(slot);
    this.#data.setFloat64(at + BLOCK, pointer, true);
    this.#data.setFloat64(at + BYTES, size, true);
    this.#data.setFloat64(at + BORN, Date.now(), true);
    this.#data.setInt32(at + BORN_BY, thread, true);
    this.#write(at + BORN_STACK, TEXT_BYTES, stack);
    this.#write(at + FREED_STACK, TEXT_BYTES, new Uint8Array(0));
  }

  noteDeath(slot: number, thread: number, stack: Uint8Array): void {
    const at = this.#at(slot);
    const frees = (this.#data.getUint32(FREES, true) + 1) >>> 0;
    this.#data.setUint32(FREES, frees, true);
    this.#data.setUint32(at + ORDER, frees, true);
    this.#data.setFloat64(at + FREED, Date.now(), true);
    this.#data.setInt32(at + FREED_BY, thread, true);
    this.#write(at + FREED_STACK, TEXT_BYTES, stack);
  }

  /** What is noted of a slot; null when it had no block yet. */
  noted(slot: number): Noted | null {
    const state = this.state(slot);
    if (state === State.unused || state === State.taking) return null;
    const at = this.#at(slot);
    const isLive = state === State.live;
    const born = this.#story("allocated", at + BORN_STACK, at + BORN_BY, at + BORN);
    const freed = isLive ? "" : this.#story("freed", at + FREED_STACK, at + FREED_BY, at + FREED);
    return { pointer: this.pointer(slot), size: this.size(slot), isLive, born, freed };
  }

  /** All that is noted: blocks that were freed, the last one first; then live ones, the youngest first. */
  all(): Noted[] {
    const slots = Array.from({ length: this.count }, (_, slot) => slot);
    const isLive = (slot: number) => this.state(slot) === State.live;
    const born = (slot: number) => this.#data.getFloat64(this.#at(slot) + BORN, true);
    const before = (one: number, other: number) =>
      Number(isLive(one)) - Number(isLive(other)) ||
      (isLive(one) ? born(other) - born(one) : this.age(one) - this.age(other));
    return slots
      .sort(before)
      .map((slot) => this.noted(slot))
      .filter((each) => each !== null);
  }

  /** The block that an access at an address was most likely meant for; null where none is near. */
  nearest(address: number): Noted | null {
    if (address < this.start(0) - (this.start(1) - this.start(0)) || address >= this.end) return null;
    const slot = this.slotAt(address);
    const near = [slot, slot + 1]
      .filter((each) => each >= 0 && each < this.count)
      .map((each) => this.noted(each))
      .filter((each) => each !== null);
    const distance = ({ pointer, size }: Noted) =>
      Math.max(pointer - address, address - (pointer + size - 1), 0);
    return near.sort((one, other) => distance(one) - distance(other))[0] ?? null;
  }

  #at(slot: number): number {
    return HEADER_BYTES + slot * SLOT_BYTES;
  }

  #story(what: string, text: number, thread: number, time: number): string {
    const number = this.#data.getInt32(thread, true);
    const who = number === 0 ? "the main thread" : `worker ${number}`;
    const when = new Date(this.#data.getFloat64(time, true)).toISOString();
    const [via = "", ...frames] = this.#text(text, TEXT_BYTES).split("\n");
    return [`\n    ${what} by ${via || "unknown"} in ${who}, ${when}`, ...frames].join("\n      ");
  }

  #text(at: number, most: number): string {
    const bytes = this.#bytes.subarray(at, at + most);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  #write(at: number, most: number, text: Uint8Array): void {
    const part = text.subarray(0, most - 1);
    this.#bytes.set(part, at);
    this.#bytes[at + part.length] = 0;
  }
}

/** What an access at `address` did, in words: which block, and where. */
export function explain(note: SlotNote, address: number): string {
  const block = note.nearest(address);
  const at = `0x${address.toString(16)}`;
  if (block === null) return `${at} is not near a block with pages of its own`;
  const { pointer, size, isLive, born, freed } = block;
  const which = `the block of ${size} bytes at 0x${pointer.toString(16)}${isLive ? "" : ", which was freed"}`;
  const past = address - (pointer + size);
  let where = `byte ${address - pointer} of`;
  if (address < pointer) where = `${pointer - address} bytes before`;
  else if (past >= 0) where = `${past} bytes past the end of`;
  return `${at} is ${where} ${which}${born}${freed}`;
}
