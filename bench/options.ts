/** The command line that both benchmark commands share. */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { findWorkload } from "./workloads/index.js";

/** A node to run the JavaScript side with; a path of undefined is this very one. */
export interface Node {
  readonly path: string | undefined;
  readonly version: string;
}

export interface Options {
  readonly names: readonly string[];
  readonly quick: boolean;
  /** Files to write. */
  readonly json: string | undefined;
  readonly chart: string | undefined;
  /** Programs and workloads; all when there are none. */
  readonly only: readonly string[];
  /** This one first. */
  readonly nodes: readonly Node[];
}

export const OPTIONS_USAGE = "[--quick] [--only NAME]... [--node PATH]... [--json FILE] [--chart FILE.svg]";

/**
 * Throws an Error that says what is wrong. `known`: the names that may be given besides options; `programs`: those that
 * --only may name besides workloads.
 */
export function parseOptions(args: string[], known: readonly string[], programs: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      chart: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
      node: { type: "string", multiple: true, default: [] },
    },
  });
  const { quick, json, chart, only } = values;
  const names = positionals.length === 0 || positionals.includes("all") ? known : positionals;
  for (const name of names) {
    if (!known.includes(name))
      throw new Error(`there is no figure "${name}"; there are: ${known.join(", ")}`);
  }
  for (const name of only) if (!programs.includes(name)) findWorkload(name);
  const own = { path: undefined, version: process.versions.node };
  return { names, quick, json, chart, only, nodes: [own, ...values.node.map(nodeAt)] };
}

function nodeAt(path: string): Node {
  const asked = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  if (asked.status !== 0) throw new Error(`--node ${path}: this is no node that can be run`);
  return { path, version: asked.stdout.trim().replace(/^v/, "") };
}
