/**
 * Runs a program under record.so and reads what that wrote. Knows nothing of the form of an event.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordingLength, traceFrom } from "../recording.js";
import { buildRecorder } from "./build.js";

const HEADER_BYTES = 32;
const CHUNK = 2 ** 30;

/** Runs a program to its end and returns its trace, unpacked. `output`: where what it prints goes. */
export function recordProgram(
  program: string,
  args: readonly string[],
  output: "inherit" | "ignore" = "inherit",
): Uint8Array {
  const build = buildRecorder();
  if (build.program === null) throw new Error(build.reason);
  const folder = mkdtempSync(join(tmpdir(), "heapwright-record-"));
  try {
    const prefix = join(folder, "events");
    const env = { ...process.env, LD_PRELOAD: build.program, HEAPWRIGHT_RECORD: prefix };
    const run = spawnSync(program, args, { stdio: ["inherit", output, "inherit"], env });
    if (run.error !== undefined) throw new Error(`${program} cannot be run: ${run.error.message}`);
    return traceFrom(readRecording(`${prefix}.${run.pid}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The used part of the file, which is sparse and far longer. */
function readRecording(path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    throw new Error("nothing was recorded: is the program linked with glibc, and not statically?");
  }
  try {
    const header = new Uint8Array(HEADER_BYTES);
    readSync(file, header, 0, HEADER_BYTES, 0);
    const recording = new Uint8Array(recordingLength(header));
    for (let at = 0; at < recording.length; at += CHUNK) {
      readSync(file, recording, at, Math.min(CHUNK, recording.length - at), at);
    }
    return recording;
  } finally {
    closeSync(file);
  }
}
