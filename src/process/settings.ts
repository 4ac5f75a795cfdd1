/**
 * Settings: their names, defaults and checks.
 *
 * Owns what configure() and the environment accept. Must not know what a setting does.
 */

import { MAX_BLOCK } from "../block/block.js";
import { rangeError, show, typeError } from "../errors.js";

export interface Settings {
  /** Most bytes of footprint; Infinity for no cap. HEAPWRIGHT_LIMIT. */
  limit: number;
  /** Requests of more bytes than this get a mapping of their own; "dynamic": see large-churn.ts. HEAPWRIGHT_MMAP_THRESHOLD. */
  mmapThreshold: number | "dynamic";
  /** Free coalesced bytes above which pages are purged by policy. HEAPWRIGHT_TRIM_THRESHOLD. */
  trimThreshold: number;
  /** Bytes of address space to take with sbrk, or in one mapping, when the library is loaded; 0: none. */
  reserve: number;
}

/** More than the peak of most programs that allocate and free in waves, and little beside a machine's memory. */
const DEFAULT_TRIM_THRESHOLD = 32 * 1024 * 1024;

/** The heap record and a few pages of blocks. */
const LEAST_LIMIT = 64 * 1024;

export const defaults: Readonly<Settings> = {
  limit: Infinity,
  mmapThreshold: "dynamic",
  trimThreshold: DEFAULT_TRIM_THRESHOLD,
  reserve: 2 ** 32,
};

const bounds: Record<keyof Settings, readonly [number, number]> = {
  limit: [LEAST_LIMIT, Infinity],
  mmapThreshold: [0, MAX_BLOCK / 2],
  trimThreshold: [0, 2 ** 40],
  reserve: [0, 2 ** 32],
};

/** Throws ERR_INVALID_ARG, and says where it was given, when a setting is unknown, of the wrong type or out of its range. */
export function checkSetting(where: string, name: string, value: unknown): void {
  if (!Object.hasOwn(bounds, name)) {
    const others = names().filter((other) => other !== "reserve"); // used before a program can call configure()
    throw typeError(
      "ERR_INVALID_ARG",
      `${where}: there is no setting ${show(name)}; there are ${others.join(", ")}, debug, trace`,
    );
  }
  const range = bounds[name as keyof Settings];
  if (name === "mmapThreshold" && value === "dynamic") return;
  if (typeof value !== "number") {
    const or = name === "mmapThreshold" ? ' or "dynamic"' : "";
    throw typeError(
      "ERR_INVALID_ARG",
      `${where}: ${name} must be a number of bytes${or}, got ${show(value)}`,
    );
  }
  const whole = Number.isSafeInteger(value) || (name === "limit" && value === Infinity);
  if (!whole || value < range[0] || value > range[1]) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${where}: ${name} must be a whole number of bytes from ${range[0]} to ${range[1]}, got ${show(value)}`,
    );
  }
}

/** The settings from the environment; throws ERR_INVALID_ARG for an invalid one. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Settings {
  const settings: Settings = { ...defaults };
  for (const name of names()) {
    const variable = environmentName(name);
    const text = environment[variable];
    if (text === undefined || text === "") continue;
    const where = `the environment variable ${variable}=${show(text)}`;
    const value = text === "dynamic" ? text : parseBytes(text);
    if (Number.isNaN(value)) {
      throw rangeError("ERR_INVALID_ARG", `${where}: give a number of bytes such as 65536, 512K, 64M or 2G`);
    }
    checkSetting(where, name, value);
    Object.assign(settings, { [name]: value });
  }
  return settings;
}

/** Bytes, plain or with K, M or G for powers of 1024, or Infinity; NaN for anything else. */
function parseBytes(text: string): number {
  if (text === "Infinity") return Infinity;
  const match = /^(\d+)([KMG]?)i?B?$/i.exec(text.trim());
  if (match === null) return Number.NaN;
  const power = { "": 0, K: 1, M: 2, G: 3 }[match[2]!.toUpperCase()]!;
  return Number(match[1]) * 1024 ** power;
}

/** Whether a variable of the environment switches something on. */
export function isOn(value: string | undefined): boolean {
  return !["", "0", "false", "off"].includes(value ?? "");
}

/** `mmapThreshold` is HEAPWRIGHT_MMAP_THRESHOLD in the environment. */
function environmentName(name: string): string {
  return `HEAPWRIGHT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function names(): Array<keyof Settings> {
  return Object.keys(bounds) as Array<keyof Settings>;
}
