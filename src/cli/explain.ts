/**
 * `heapwright explain`, and what `heapwright run --guard` says of a program that a wrong access ended: from the note that the program
 * left, for it is gone.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { explain, SlotNote } from "../debug/slot-note.js";
import { onlyFile, parsed, UsageError, usage } from "./usage.js";

/** What the kernel sends for a wrong access. */
const OF_ACCESS: readonly (NodeJS.Signals | null)[] = ["SIGSEGV", "SIGBUS"];
/** Blocks that are listed when no address is known. */
const LISTED = 8;

export function explainNote(args: readonly string[]): number {
  const { positionals } = parsed(args, {});
  const [file, address] = positionals;
  const note = noteIn(onlyFile("explain", file === undefined ? [] : [file, ...positionals.slice(2)]));
  process.stdout.write(`${address === undefined ? told(note) : explain(note, addressIn(address))}\n`);
  return 0;
}

/** Tells of the notes in the folder that were left, and keeps those; removes it when there is none. */
export function tellNotes(folder: string, child: number, signal: NodeJS.Signals | null): void {
  const left = readdirSync(folder).map((name) => join(folder, name));
  let isKept = false;
  for (const file of left) {
    const note = noteIn(file);
    if (existsSync(`/proc/${note.process}`)) isKept = true; // a process of the program's that goes on
    const isOfAccess = note.process === child ? OF_ACCESS.includes(signal) : note.fault !== 0;
    if (!isOfAccess) continue;
    isKept = true;
    const which = note.process === child ? `the program` : `process ${note.process} (${note.script})`;
    process.stderr.write(
      `heapwright: a wrong access ended ${which}\n${told(note)}\nnpx heapwright explain ${file} says it again\n`,
    );
  }
  if (!isKept) rmSync(folder, { recursive: true });
}

function told(note: SlotNote): string {
  if (note.fault !== 0) return explain(note, note.fault);
  const all = note.all();
  const lines = all
    .slice(0, LISTED)
    .map(
      ({ pointer, size, isLive, born, freed }) =>
        `${isLive ? "live" : "freed"}: ${size} bytes at 0x${pointer.toString(16)}${born}${freed}`,
    );
  const more = all.length > LISTED ? [`and ${all.length - LISTED} more`] : [];
  return [
    "the address is not known; these blocks had pages of their own, those freed last first:",
    ...lines,
    ...more,
  ].join("\n");
}

function noteIn(file: string): SlotNote {
  const note = new SlotNote(usage(() => readFileSync(file)));
  if (!note.isWhole)
    throw new UsageError(`${file}: no note of a program that ran with HEAPWRIGHT_GUARD_NOTES`);
  return note;
}

function addressIn(text: string): number {
  const address = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(address)) return address;
  throw new UsageError(`explain: give an address as 0x7f0123456789, got ${JSON.stringify(text)}`);
}
