/**
 * heapwright/debug: tools that look into the heap. Loaded only when it is asked for.
 */
export type { Frame, ProfileData, Sample } from "./profile-data.js";
