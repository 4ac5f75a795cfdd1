/**
 * Where blocks come from, as far as `leaks` noted it.
 */
import { internals } from "../../index.js";
import { liveNotes, now } from "../notes.js";
import { frameText, type Stack } from "../stacks.js";
import type { BlockOrigin, OriginLookup } from "./snapshot.js";

/** Tells what is noted at this moment; null when nothing is. */
export function notedOrigins(): OriginLookup | null {
  if (!internals.isNoting) return null;
  const texts = new Map<string, string>();
  const origins = new Map<number, BlockOrigin>();
  for (const { pointer, stack, born } of liveNotes()) {
    if (!texts.has(stack)) texts.set(stack, textOf(JSON.parse(stack)));
    origins.set(pointer, { stack: texts.get(stack), ageMs: now() - born });
  }
  return (pointer) => origins.get(pointer);
}

function textOf({ via, frames }: Stack): string {
  return [via, ...frames.map(frameText)].filter((line) => line !== "").join("\n");
}
