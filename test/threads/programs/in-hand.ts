/** Blocks that may be in no slot when a worker of hazard.ts ends: one that it resizes is in its hands twice. */
export const IN_HAND = 2;
