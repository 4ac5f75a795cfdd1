/**
 * What the page of the flame graph is made of, as plain data.
 */
/** A node as the page has it: name, file, line, column; live bytes and blocks, allocated bytes and blocks; children. */
export type SavedCall = readonly [
  string,
  string,
  number,
  number,
  number,
  number,
  number,
  number,
  readonly SavedCall[],
];

/** What the page is made of. */
export interface FlameData {
  readonly every: number;
  readonly startTime: number;
  readonly durationMs: number;
  readonly root: SavedCall;
}
