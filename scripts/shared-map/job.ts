/**
 * The job, which is the same both ways: its records, what is known of them, and how the threads tell each other.
 */

/** Records between two messages, or two signals. */
export const BATCH = 1000;
/** Every so many records are written a second time, with another value. */
export const REPLACED = 10;

/** What a worker is given. */
export interface Part {
  readonly role: "writer" | "reader";
  readonly records: number;
  /** A reader reads one of so many records: 1 is all of them. */
  readonly every: number;
  /** The shared way has this; without it records go by messages, through the ports. */
  readonly index?: SharedArrayBuffer;
  /** One Int32: how many records are to be seen; readers sleep on it. */
  readonly progress: SharedArrayBuffer;
}

export function keyOf(record: number): string {
  return `user:${record}:${record % 7 === 0 ? "straße" : "street"}`;
}

/** Some 40 to 340 bytes of JSON. */
export function valueFor(record: number, version: number): string {
  return `{"id":${record},"version":${version},"notes":"${"lorem ipsum ".repeat(1 + ((record * 31) % 25))}"}`;
}

/** The version that a record has in the end. */
export function lastVersion(record: number): number {
  return record % REPLACED === 0 ? 2 : 1;
}
