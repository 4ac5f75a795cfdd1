/**
 * Programs of the tour that run in a process of their own: for tools that the environment switches on.
 *
 * They are plain JavaScript and import `heapwright` as every program does, so what runs is what is published. Owns starting
 * them, their time limit, and how places in them are written.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOnce } from "../build.js";
import { code } from "./page.js";

const LIMIT_MS = 60_000;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Program {
  readonly #path: string;
  readonly #lines: readonly string[];

  /** One of programs/. */
  constructor(file: string) {
    this.#path = fileURLToPath(new URL(`programs/${file}`, import.meta.url));
    this.#lines = readFileSync(this.#path, "utf8").split("\n");
  }

  /** Runs it to its end with one setting in the environment. */
  async run(setting: string, value: string): Promise<Ended> {
    await buildOnce();
    code(`${setting}=${value} node ${basename(this.#path)}`, "in scripts/demo/programs");
    const { status, signal, error, stdout, stderr } = spawnSync(process.execPath, [this.#path], {
      encoding: "utf8",
      env: { ...process.env, [setting]: value },
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    if (status === null) throw new Error(`${this.#path}: ${error?.message ?? `ended by ${signal}`}`);
    return { status, stdout, stderr };
  }

  /** The line that says this, and is the only one: its number and its text. */
  line(says: string): { readonly number: number; readonly text: string } {
    const found = this.#lines.flatMap((text, at) => (text.includes(says) ? [{ number: at + 1, text }] : []));
    if (found.length !== 1) throw new Error(`${this.#path} has ${found.length} lines with ${says}`);
    return found[0]!;
  }

  /** A frame of a stack, as it begins: its column is left out. */
  frame(name: string, says: string): string {
    return `at ${name} (${this.#path}:${this.line(says).number}:`;
  }

  /** What it printed, without the folder it lies in. */
  shortened(text: string): string {
    return text.replaceAll(this.#path, basename(this.#path));
  }
}
