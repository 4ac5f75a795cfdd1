/**
 * Giving free memory back on request.
 */
import { heap, unusable } from "../malloc.js";

/**
 * Joins what is cached and gives every whole free page of the calling thread's heap back to the operating system.
 * The heap does so by itself when more than `trimThreshold` bytes lie idle and more than is in use.
 *
 * @returns bytes given back
 */
export function trim(): number {
  if (unusable !== null) throw unusable;
  const bytes = heap.trim();
  heap.hooks.settle?.();
  return bytes;
}
