/**
 * Program: runs another where the kernel keeps no list of robust mutexes.
 *
 *   without-list.ts PROGRAM ARGUMENT…
 *
 * Ends as that does, or with REFUSED where the kernel takes no seccomp filter.
 */
import { spawnSync } from "node:child_process";
import { forbidRobustLists } from "../../support/seccomp.js";

/** Not an exit code of node's. */
const REFUSED = 77;

if (!forbidRobustLists()) process.exit(REFUSED);
const [program, ...args] = process.argv.slice(2);
process.exitCode = spawnSync(program!, args, { stdio: "inherit" }).status ?? 1;
