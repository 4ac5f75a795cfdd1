/**
 * What the kernel says about this process, and how a program says what it found.
 */
import { readFileSync, writeSync } from "node:fs";

const PAGE = 4096;
const STANDARD_OUTPUT = 1;

/** Resident memory in bytes. */
export function resident(): number {
  return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * PAGE;
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
