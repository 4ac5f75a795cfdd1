/**
 * Logs more steps than a pipe holds while nobody reads it: the parent begins to read only later.
 *
 *   slow-log.ts STEPS
 */
import { configure, free, malloc } from "../../../src/index.js";

configure({ trace: true });
const steps = Number(process.argv[2]);
for (let i = 0; i < steps; i++) free(malloc(3000));
configure({ trace: false });
console.log("done");
