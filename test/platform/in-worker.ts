/**
 * What a worker finds of the operating system.
 */
import { openOs } from "../../src/platform/os.js";

export function mayMoveBreak(): boolean {
  return openOs().mayMoveBreak;
}
