/**
 * Sampling what the fast path of malloc gives out, for a profile.
 *
 * Owns the fast path that counts. It replaces that of the heap object while there is a sampler, and costs some nanoseconds; when
 * a sample is due it fails, and the slow path tells the sampler. Frees are not told: a sampled block is dead when its address
 * is given out again, or no live block begins there.
 */
import type { Pointer } from "../memory/memory.js";
import type { AllocationSampler } from "../shared/hooks.js";

/** Places for addresses of sampled blocks: many more than there are samples, so that few others share one. */
export const KNOWN_PLACES = 65536;

export function placeOf(pointer: number): number {
  return (pointer >>> 4) & (KNOWN_PLACES - 1);
}

/** `pop` as the fast path of a heap, counted. */
export function samplingPop<Heap>(
  heap: Heap,
  pop: (this: Heap, request: number) => Pointer,
  sampler: AllocationSampler,
): (request: number) => Pointer {
  const { countdown, known } = sampler;
  return (request) => {
    const bytes = request === 0 ? 1 : request; // a block of no bytes can be sampled too
    if (countdown.left <= bytes) return 0 as Pointer;
    const pointer = pop.call(heap, request);
    if (pointer === 0) return pointer; // the slow path counts it
    countdown.left -= bytes;
    sampler.counted = pointer;
    if (known[placeOf(pointer)] !== 0) sampler.reused(pointer);
    return pointer;
  };
}
