/**
 * State of the tools that is there once in a thread, though their code may be there twice: the environment loads them as CommonJS,
 * and a program may import them as an ES module.
 */
import { internals } from "../index.js";

/** The state of that name, made by whoever asks first. */
export function sharedState<T extends object>(name: string, make: () => T): T {
  internals.states[name] ??= make();
  return internals.states[name] as T;
}
