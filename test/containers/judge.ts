/**
 * What may be missing after threads were terminated.
 */
import * as assert from "uvu/assert";
import type { Findings as MapFindings } from "./programs/map.js";
import type { Findings as QueueFindings } from "./programs/queue.js";

export function judgeQueue(found: QueueFindings, terminations: number): void {
  assert.is(found.twice, 0, "no record was taken twice");
  assert.is(found.endedWriters + found.endedReaders, terminations);
  assert.ok(found.records >= 2 * 4000, `${found.records} records`);
  assert.ok(
    found.missing <= found.endedReaders,
    `${found.missing} are missing, ${found.endedReaders} readers ended`,
  );
  assert.ok(found.unknown <= found.endedWriters, `${found.unknown}, ${found.endedWriters} writers ended`);
  // A long record's block, between malloc() and its note, or between its note and free().
  const ended = found.endedWriters + found.endedReaders;
  assert.ok(found.blocks <= ended / 4, `${found.blocks} blocks are lost, ${ended} ended`);
}

export function judgeMap(found: MapFindings, terminations: number): void {
  const { endedWriters, endedReaders } = found;
  assert.is(endedWriters + endedReaders, terminations);
  assert.is(found.wrong, 0, "each key has its last value, or the one that its writer was about to set");
  assert.ok(found.changes > 1000, `${found.changes} changes`);
  assert.ok(found.found > 1000, `${found.found} found`);
  // Each map with its table, a few readers at a time, and what is lost.
  assert.ok(found.kept <= 6 + 3 * 4 + found.lost, `${found.kept} blocks are kept, ${found.lost} lost`);
  // What a writer was about to add, or to free, in one of the maps. And seldom the words of a reader that was just about to link them.
  const most = 2 * endedWriters + Math.ceil(endedReaders / 4);
  assert.ok(found.lost <= most, `${found.lost} blocks are lost, ${endedWriters} writers ended`);
}
