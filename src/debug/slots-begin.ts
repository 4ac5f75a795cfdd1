/**
 * HEAPWRIGHT_GUARD: how the pool of blocks with pages of their own is made, and its note.
 *
 * Owns the pool's making, and the file that the note is. Must not know slots.
 */
import { closeSync, openSync, readdirSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { internals, type Pointer } from "../index.js";
import { sharedState } from "./shared.js";
import { FAULT } from "./slot-note.js";
import { beginNote, bytesAt, closedBytes, codeBytes, noteBytes, SlotPool } from "./slots.js";

/** A block with pages of its own takes some 30 µs, with its free: so each block 0.6 ns, and as much for counting. */
const EVERY = 50_000;
/** What switches it on, and is no number. */
const JUST_ON = ["true", "on", "yes"];

const state = sharedState("slots", () => ({ hasBegun: false }));

/** Has the calling thread take one block of so many, as `wanted` says; or none, and know those of others. */
export function beginSlots(wanted: string | null, atExit: (work: () => void) => void): void {
  if (state.hasBegun || internals.isGuarded) return; // with debug on each access is looked at anyway
  state.hasBegun = true;
  const every = wanted === null ? 0 : everyOf(wanted);
  const folder = internals.setting("HEAPWRIGHT_GUARD_NOTES");
  const os = internals.slots.openPages();
  const pool = internals.slots.pool() || (every === 0 ? 0 : makePool(os, folder));
  if (pool !== 0) {
    const slots = new SlotPool(pool as Pointer, os, every);
    internals.slots.begin(slots, slots.counter);
  }
  if (folder !== null && isMainThread) atExit(() => removeNotes(folder));
}

function everyOf(wanted: string): number {
  if (JUST_ON.includes(wanted)) return EVERY;
  if (/^[1-9]\d{0,8}$/.test(wanted)) return Number(wanted);
  tell(
    `HEAPWRIGHT_GUARD: give a whole number from 1 to 999999999, or "on" for ${EVERY}, got ${JSON.stringify(wanted)}`,
  );
  return 0;
}

/** That of all threads; 0 when there can be none. */
function makePool(os: ReturnType<typeof internals.slots.openPages>, folder: string | null): Pointer {
  const pool = internals.slots.map(noteBytes + codeBytes + closedBytes);
  if (pool === 0 || !os.protect(pool + noteBytes + codeBytes, closedBytes, "none")) {
    tell("HEAPWRIGHT_GUARD: there is no room for blocks with pages of their own");
    return 0 as Pointer;
  }
  const file = folder === null ? null : mapNote(os, pool, folder);
  beginNote(pool);
  if (!internals.slots.publish(pool)) {
    internals.slots.unmap(pool); // another thread was first
    if (file !== null) unlinkSync(file);
    return internals.slots.pool();
  }
  const code = pool + noteBytes;
  if (file !== null) internals.slots.noteFaults(os, code, bytesAt(code, codeBytes), pool + FAULT);
  return pool;
}

/** Makes the note a file, which stays when the process ends by a signal; null where that fails, and it stays in memory. */
function mapNote(
  os: ReturnType<typeof internals.slots.openPages>,
  pool: Pointer,
  folder: string,
): string | null {
  const path = join(folder, `${nameOf(process.pid)}${Math.random().toString(36).slice(2)}.note`);
  try {
    const file = openSync(path, "wx+", 0o600);
    try {
      writeSync(file, new Uint8Array(noteBytes)); // now, for a disk that is full later would end the process
      if (os.mapFile(pool, noteBytes, file)) return path;
    } finally {
      closeSync(file);
    }
    unlinkSync(path);
    tell(`HEAPWRIGHT_GUARD_NOTES: the file system of ${folder} has no files that can be mapped`);
  } catch (error) {
    tell(`HEAPWRIGHT_GUARD_NOTES: ${(error as Error).message}`);
  }
  return null;
}

function nameOf(process: number): string {
  return `heapwright-${process}-`;
}

/** A process that comes to its end needs none. */
function removeNotes(folder: string): void {
  try {
    const own = readdirSync(folder).filter((name) => name.startsWith(nameOf(process.pid)));
    for (const name of own) unlinkSync(join(folder, name));
  } catch {
    // somebody was faster, or the folder is gone
  }
}

function tell(what: string): void {
  internals.print(`heapwright: ${what}\n`);
}
