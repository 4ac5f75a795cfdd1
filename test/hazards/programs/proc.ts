/**
 * What the kernel says about this process, and how a program says what it found.
 */
import { readFileSync, writeSync } from "node:fs";

const STANDARD_OUTPUT = 1;

/**
 * Resident bytes of the mappings that reach into this range. What the process itself takes and gives back meanwhile, garbage
 * that V8 collects for one, is not in it.
 */
export function residentAt(address: number, bytes: number): number {
  let sum = 0;
  let inRange = false;
  for (const line of readFileSync("/proc/self/smaps", "latin1").split("\n")) {
    const mapping = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (mapping !== null) {
      const [start, end] = [Number.parseInt(mapping[1]!, 16), Number.parseInt(mapping[2]!, 16)];
      inRange = start < address + bytes && end > address;
    }
    const found = /^Rss:\s+(\d+) kB/.exec(line);
    if (inRange && found !== null) sum += Number(found[1]) * 1024;
  }
  return sum;
}

/** A figure of /proc/self/status in bytes: VmData, for one. */
export function status(name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "latin1"));
  if (match === null) throw new Error(`no ${name} in /proc/self/status`);
  return Number(match[1]) * 1024;
}

/** The findings, as the one line that the test reads. */
export function tell(findings: object): void {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(findings)}\n`);
}
