/**
 * What tests are told of where they run.
 *
 *   HEAPWRIGHT_TEST_SLOWNESS=10      how much slower than usual they may be, in an emulator or on a busy machine: all their
 *                                    time limits are multiplied by it
 *   HEAPWRIGHT_TEST_EMULATOR=qemu    that an emulator makes their system calls
 */
export const SLOWNESS_VARIABLE = "HEAPWRIGHT_TEST_SLOWNESS";

const slowness = Number(process.env[SLOWNESS_VARIABLE] ?? 1);
if (!(slowness >= 1)) {
  throw new Error(`${SLOWNESS_VARIABLE} must be a number from 1, got ${process.env[SLOWNESS_VARIABLE]}`);
}

export const EMULATOR_VARIABLE = "HEAPWRIGHT_TEST_EMULATOR";

/** Whether the system calls are qemu's, which does some of them in its own way. */
export function isEmulated(): boolean {
  return process.env[EMULATOR_VARIABLE] !== undefined;
}

/** A time limit as it is on this machine. */
export function patience(milliseconds: number): number {
  return milliseconds * slowness;
}
