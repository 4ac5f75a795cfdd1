/**
 * JavaScript's stack where a block is allocated, as frames of the program.
 *
 * Owns how a stack is captured, which frames are heapwright's own, and source maps. Must not know what stacks are for.
 *
 * A program allocates again and again from the same places. So V8's call sites are told apart by their positions, which is
 * cheap, and described once; the description costs more, most of all with source maps.
 */
import { findSourceMap } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Frame } from "./profile-data.js";

/** Where the program was when it allocated. */
export interface Stack {
  /** What it called of heapwright: `malloc`, `Arena.malloc`, `new Vector`. */
  readonly via: string;
  /** Its own frames, innermost first. */
  readonly frames: readonly Frame[];
}

/** Frames that are captured: the program's, and above them heapwright's own. */
const CAPTURED = 40;
/** The program's that are kept. */
const KEPT = 24;

/** The folder that all of heapwright's code lies in: dist/ as it is published, src/ as it is written; as path and as URL. */
const home = homeOf(callSites()[0]?.getFileName() ?? import.meta.url);

function homeOf(module: string): readonly string[] {
  const folder = dirname(module.startsWith("file:") ? fileURLToPath(module) : module).replace(/\/debug$/, "");
  return [`${folder}/`, `${pathToFileURL(folder).href}/`];
}

/** Stacks of one thread, each with what `make` makes of it. */
export class Stacks<T> {
  readonly #known = new Map<string, T>();
  readonly #make: (stack: Stack) => T;

  constructor(make: (stack: Stack) => T) {
    this.#make = make;
  }

  /** That of the caller. */
  here(): T {
    const sites = callSites(Stacks.prototype.here);
    let key = "";
    for (const site of sites) key += `${site.getFileName()}:${site.getPosition()} `;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(describe(sites));
    this.#known.set(key, made);
    return made;
  }
}

type CallSite = NodeJS.CallSite & { getPosition(): number };

/**
 * Those below a function, or with that of this one. V8 hands call sites to Error.prepareStackTrace alone: for this one
 * error it is ours. Nothing where Error is frozen.
 */
function callSites(below?: (...args: never[]) => unknown): readonly CallSite[] {
  const had = Object.hasOwn(Error, "prepareStackTrace");
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = CAPTURED;
    Error.prepareStackTrace = asTheyAre;
    Error.captureStackTrace(holder, below);
    return Array.isArray(holder.stack) ? holder.stack : [];
  } catch {
    return [];
  } finally {
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
    if (had) Reflect.set(Error, "prepareStackTrace", prepareStackTrace);
    else Reflect.deleteProperty(Error, "prepareStackTrace");
  }
}

function asTheyAre(_error: Error, sites: NodeJS.CallSite[]): NodeJS.CallSite[] {
  return sites;
}

function describe(sites: readonly CallSite[]): Stack {
  let own = 0;
  while (own < sites.length && isOwn(sites[own]!)) own++;
  const frames = sites.slice(own).filter((site) => !isOwn(site) && !isNodes(site));
  return { via: own === 0 ? "" : calledBy(sites[own - 1]!), frames: frames.slice(0, KEPT).map(frameOf) };
}

/** What calls the program's modules and callbacks. */
function isNodes(site: CallSite): boolean {
  return (site.getFileName() ?? "").startsWith("node:internal/");
}

/** Also of what was made from text, such as the classes of records. */
function isOwn(site: CallSite): boolean {
  const file = site.getFileName() ?? "";
  const origin = file === "" ? (site.getEvalOrigin() ?? "") : "";
  return home.some((folder) => file.startsWith(folder) || origin.includes(`(${folder}`));
}

/** What the program called, by the frame of it: a struct is an object without a class. */
function calledBy(site: CallSite): string {
  const name = nameOf(site);
  return name === "alloc" ? "struct.alloc" : name;
}

function frameOf(site: CallSite): Frame {
  const file = site.getFileName() ?? "";
  const line = site.getLineNumber() ?? 0;
  const column = site.getColumnNumber() ?? 0;
  return { function: nameOf(site), ...placeOf(file, line, column) };
}

/** Through the source map, where Node has one; it has them only with --enable-source-maps or the like. */
function placeOf(file: string, line: number, column: number): Omit<Frame, "function"> {
  try {
    const origin = findSourceMap(file)?.findOrigin(line, column) as
      | { fileName?: string; lineNumber: number; columnNumber: number }
      | undefined;
    if (origin?.fileName !== undefined)
      return { file: pathOf(origin.fileName), line: origin.lineNumber, column: origin.columnNumber };
  } catch {
    // a map that cannot be read: the place in the file that runs will do
  }
  return { file: pathOf(file), line, column };
}

function pathOf(file: string): string {
  try {
    return file.startsWith("file:") ? fileURLToPath(file) : file;
  } catch {
    return file;
  }
}

function nameOf(site: CallSite): string {
  const name = site.getFunctionName() ?? "";
  if (site.isConstructor()) return `new ${name}`;
  const type = site.isToplevel() ? null : site.getTypeName();
  const isMethod = type !== null && !["Object", "Function", "Module", "global"].includes(type);
  return isMethod && name !== "" && !name.includes(".") ? `${type}.${name}` : name;
}

/** A frame as V8 prints it. */
export function frameText({ function: name, file, line, column }: Frame): string {
  const place = file === "" ? "<anonymous>" : `${file}:${line}:${column}`;
  return name === "" ? `at ${place}` : `at ${name} (${place})`;
}
