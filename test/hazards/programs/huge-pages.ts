/**
 * Program: a heap that lies in huge pages is trimmed. Then the kernel is asked to lay huge pages over it at once, as it does by
 * itself within a minute or so.
 */
import { readFileSync } from "node:fs";
import koffi from "koffi";
import { free, malloc, stats, trim, view } from "../../../src/index.js";
import { residentAt, tell } from "./proc.js";

const MIB = 2 ** 20;
const HUGE = 2 * MIB;
const ROOM = 96 * MIB;
const FILLED = 48 * MIB;
const MADV_HUGEPAGE = 14;
const MADV_COLLAPSE = 25; // from Linux 6.1 on
const madvise = koffi.load(null).func("int madvise(uintptr_t, size_t, int)") as unknown as (
  ...args: number[]
) => number;

const setting = readFileSync("/sys/kernel/mm/transparent_hugepage/enabled", "latin1");
const start = Math.ceil(malloc(100) / HUGE) * HUGE;
madvise(start, ROOM, MADV_HUGEPAGE); // as where the setting is "always"
const blocks = Array.from({ length: FILLED / 1024 }, () => malloc(1000));
for (const block of blocks) view(block).fill(1);
const huge = /^AnonHugePages:\s+[1-9]/m.test(readFileSync("/proc/self/smaps", "latin1"));
for (const [i, block] of blocks.entries()) if (i % 256 !== 0) free(block);
trim();
const { footprint } = stats();
const trimmed = residentAt(start, ROOM);
let collapsed = 0;
for (let at = start; at < start + ROOM; at += HUGE) if (madvise(at, HUGE, MADV_COLLAPSE) === 0) collapsed++;
tell({ setting, huge, footprint, trimmed, collapsed, later: residentAt(start, ROOM) });
