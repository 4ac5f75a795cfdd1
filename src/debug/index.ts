/**
 * heapwright/debug: tools that look into the heap. Loaded only when it is asked for.
 */
import { begin } from "./begin.js";

export { channels, type ErrorMessage, type FootprintMessage } from "./channels.js";
export { writeProfile } from "./formats/write.js";
export { expectNoLeaks, LeakError, leaks } from "./leaks.js";
export { type HeapMap, type HeapMapOptions, heapMap, type SnapshotOptions } from "./map/heap-map.js";
export type { FootprintParts, HeapSnapshot, LargestFree, SavedRegion, SizeClass } from "./map/saved.js";
export type { BlockOrigin, OriginLookup } from "./map/snapshot.js";
export { Profile, type ProfileOptions, profile } from "./profile.js";
export type { Frame, ProfileData, Sample } from "./profile-data.js";
export { type LeakGroup, LeakReport, type LeakSnapshot } from "./report.js";

begin();
