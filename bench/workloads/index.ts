/** All workloads, in the order of the tables. */
import { allocTest } from "./alloc-test.js";
import { batch, batchMixed } from "./batch.js";
import { cacheScratch } from "./cache-scratch.js";
import { calloc } from "./calloc.js";
import { large, largeDynamic } from "./large.js";
import { larson } from "./larson.js";
import { mleak } from "./mleak.js";
import { mstress } from "./mstress.js";
import { pair } from "./pair.js";
import { random } from "./random.js";
import { rptest } from "./rptest.js";
import { sh6bench, sh8bench } from "./smartheap.js";
import { string } from "./string.js";
import { vector, vectorDynamic } from "./vector.js";
import type { CrewWorkload, SingleWorkload, ThreadsWorkload, Workload } from "./workload.js";
import { xmallocTest } from "./xmalloc-test.js";

export const workloads: readonly Workload[] = [
  pair,
  random,
  batch,
  batchMixed,
  calloc,
  allocTest,
  sh6bench,
  vector,
  vectorDynamic,
  string,
  large,
  largeDynamic,
  larson,
  sh8bench,
  xmallocTest,
  mstress,
  rptest,
  cacheScratch,
  mleak,
];

export function findWorkload(name: string): Workload {
  const workload = workloads.find((candidate) => candidate.name === name);
  if (workload === undefined) {
    throw new Error(`no workload "${name}"; there are: ${workloads.map((known) => known.name).join(", ")}`);
  }
  return workload;
}

export function isCrewWorkload(workload: Workload): workload is CrewWorkload {
  return "members" in workload;
}

export function isThreadsWorkload(workload: Workload): workload is ThreadsWorkload {
  return "threads" in workload;
}

export function isSingleWorkload(workload: Workload): workload is SingleWorkload {
  return "prepare" in workload;
}

/** Those that have a twin in C. */
export const twinned: readonly Workload[] = workloads.filter((workload) => !isThreadsWorkload(workload));
