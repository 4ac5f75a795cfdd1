/**
 * In the browser: what lies at a place of the axis, in words. See ../../browser/texts.ts for how these functions come there.
 */
import { bytesText, countText, element, shareText } from "../../browser/texts.js";
import { kindLooks } from "./colours.js";
import { addressText, ageText, heapName } from "./names.js";
import { addressAt, kindCodes, lastUpTo, placeOf, type Shot } from "./shot.js";

/** A block, or whatever else fills the axis there. */
export interface Hit {
  readonly run: number;
  readonly place: number;
  readonly size: number;
}

export function hitAt(shot: Shot, place: number): Hit {
  const run = lastUpTo(shot.at, place);
  const size = shot.size[run]!;
  const index = Math.min(shot.count[run]! - 1, Math.floor((place - shot.at[run]!) / size));
  return { run, place: shot.at[run]! + index * size, size };
}

export function isBlock(shot: Shot, { run }: Hit): boolean {
  return shot.kind[run]! <= kindCodes().purged;
}

/** Names and values, to be shown one below the other. */
export function factsOf(shot: Shot, hit: Hit): [string, string][] {
  const kind = shot.kind[hit.run]!;
  const region = shot.saved.regions[shot.region[hit.run]!]!;
  const address = addressAt(shot, hit.place);
  const owner: [string, string] = ["owner", heapName(shot.saved, region.heap)];
  const where: [string, string] = ["in", `the ${region.kind} at ${addressText(region.address)}`];
  if (kind === kindCodes().cell) return [...cellFacts(shot, hit, address), owner, where];
  const [name, what] = kindLooks()[kind]!;
  if (!isBlock(shot, hit)) {
    const size: [string, string] = ["bytes", `${countText(hit.size)} (${bytesText(hit.size)})`];
    return [["what", `${name}: ${what}`], ["address", addressText(address)], size, owner, where];
  }
  return [
    ["pointer", addressText(address + 8)],
    ["size", `${countText(hit.size - 8)} usable bytes, and 8 of header`],
    ["state", `${name}: ${what}`],
    ...givenBack(shot, hit),
    owner,
    where,
    ...originFacts(shot, address + 8),
  ];
}

export function givenBack(shot: Shot, hit: Hit): [string, string][] {
  if (shot.kind[hit.run] !== kindCodes().purged) return [];
  return [["given back", `${bytesText(shot.extra[hit.run]!)} to the kernel`]];
}

export function cellFacts(shot: Shot, hit: Hit, address: number): [string, string][] {
  const at = shot.extra[hit.run]!;
  const parts = kindLooks()
    .slice(0, 7)
    .map(([name], state): [string, string] => [name, bytesOf(shot.cells[at + 1 + state]!, hit.size)])
    .filter((_, state) => shot.cells[at + 1 + state]! > 0);
  return [
    ["from", addressText(address)],
    ["bytes", bytesText(hit.size)],
    ["blocks", `${countText(shot.cells[at]!)} begin here; the heap has too many to show each`],
    ...parts,
  ];
}

export function bytesOf(part: number, whole: number): string {
  return `${bytesText(part)}, ${shareText(part, whole)}`;
}

export function originFacts(shot: Shot, pointer: number): [string, string][] {
  const { known, saved } = shot;
  const at = lastUpTo(known.pointer, pointer);
  if (known.pointer[at] !== pointer) return [];
  const facts: [string, string][] = [];
  if (known.age[at]! >= 0) facts.push(["age", ageText(known.age[at]!)]);
  const stack = saved.stacks[known.stack[at]!];
  if (stack !== undefined) facts.push(["allocated by", stack]);
  return facts;
}

export function factList(facts: readonly (readonly [string, string])[]): HTMLElement {
  const list = element("dl", "facts");
  for (const [name, value] of facts) {
    const text = element("dd", name === "allocated by" ? "stack" : "", value);
    text.dataset.fact = name;
    list.append(element("dt", "", name), text);
  }
  return list;
}

/** Where the block of a text such as 0x7f12 or 1234 lies; -1 for none. */
export function placeOfText(shot: Shot, text: string): number {
  const address = Number(text.trim());
  return text.trim() === "" || !Number.isSafeInteger(address) ? -1 : placeOf(shot, address);
}
