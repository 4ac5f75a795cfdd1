/*
 * Runs one workload on the malloc of this process, and prints one line of JSON, nanoseconds per operation and bytes:
 *
 *   {"first":first pass,"median":median of the later ones,"resident":growth at its peak in the first pass}
 *
 *   bench WORKLOAD SCALE WARMUP_MS MS
 */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

extern const workload_t alloc_test, batch, batch_mixed, cache_scratch, cleared, large, large_dynamic, larson, mstress,
    pair, random_slots, rptest, sh6bench, sh8bench, string, vector, vector_dynamic, xmalloc_test;

static const workload_t *const workloads[] = {
    &alloc_test,   &batch,    &batch_mixed, &cache_scratch, &cleared, &large,          &large_dynamic, &larson,
    &mstress,      &pair,
    &random_slots, &rptest,   &sh6bench,    &sh8bench,      &string,  &vector,         &vector_dynamic, &xmalloc_test,
};

enum { LEAST_PASSES = 3, MAX_PASSES = 100000 };

static const workload_t *workload;
/* The members' own, and one at which they meet the main thread before and after each pass. */
static pthread_barrier_t crew, round_edge;

void crew_barrier(void) { pthread_barrier_wait(&crew); }

/* Ends with the process. */
_Noreturn static void *member_main(void *index) {
  for (;;) {
    pthread_barrier_wait(&round_edge);
    workload->pass((int)(intptr_t)index);
    pthread_barrier_wait(&round_edge);
  }
}

static void start_crew(void) {
  if (workload->members == 1) return;
  pthread_barrier_init(&crew, NULL, (unsigned)workload->members);
  pthread_barrier_init(&round_edge, NULL, (unsigned)workload->members + 1);
  for (intptr_t i = 0; i < workload->members; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, member_main, (void *)i) != 0) fail("no thread", "");
  }
}

/* Nanoseconds. */
static double timed_pass(void) {
  double start = now_ns();
  if (workload->members == 1) {
    workload->pass(0);
  } else {
    pthread_barrier_wait(&round_edge);
    pthread_barrier_wait(&round_edge);
  }
  return now_ns() - start;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Passes until the time is up, and at least a few; returns how many. */
static int passes_for(double milliseconds, double *ns) {
  int passes = 0;
  for (double spent = 0; passes < MAX_PASSES && (passes < LEAST_PASSES || spent < milliseconds * 1e6); passes++) {
    ns[passes] = timed_pass();
    spent += ns[passes];
  }
  return passes;
}

static double median_of(double *ns, int count) {
  qsort(ns, (size_t)count, sizeof *ns, ascending);
  return count % 2 ? ns[count / 2] : (ns[count / 2 - 1] + ns[count / 2]) / 2;
}

int main(int argc, char **argv) {
  static double ns[MAX_PASSES];
  if (argc != 5) fail("usage: bench WORKLOAD SCALE WARMUP_MS MS", "");
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(workloads[i]->name, argv[1]) == 0) workload = workloads[i];
  if (workload == NULL) fail("no such workload: ", argv[1]);
  double operations = (double)workload->prepare(atof(argv[2]));
  start_crew();
  reset_peak();
  long before = status_bytes("VmRSS:");
  double first = timed_pass() / operations;
  long resident = status_bytes("VmHWM:") - before;
  passes_for(atof(argv[3]), ns);
  double median = median_of(ns, passes_for(atof(argv[4]), ns)) / operations;
  printf("{\"first\":%.3f,\"median\":%.3f,\"resident\":%ld}\n", first, median, resident);
  return 0;
}
