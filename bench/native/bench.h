/*
 * The workloads in C: the twins of those in bench/workloads/, with the same names, sizes and order, for the malloc of
 * this process. What each does, and where its name comes from, stands there.
 *
 * A workload is a file with one workload_t (see bench.c for the list). Its tables come from resident_pages(), and lie in
 * static variables of the file: a process runs one workload.
 */
#ifndef BENCH_H
#define BENCH_H

#include "support.h"

#include <stdlib.h>

enum { MEMBERS = 2, PAGE = 4096 };

typedef struct {
  const char *name;
  /* Threads: member is their number, 0 for the main thread of a workload that has one. */
  int members;
  /* Returns the operations of a pass, of all threads together. */
  uint64_t (*prepare)(double scale);
  void (*pass)(int member);
} workload_t;

/* Returns when all members are there. */
void crew_barrier(void);

/* xorshift32 (Marsaglia, 2003), as in random.ts. */
static inline uint32_t next(uint32_t state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^ state << 5;
}

/* From 0 to below range, which is at most 65,536. */
static inline uint32_t below(uint32_t state, uint32_t range) {
  return (uint32_t)(((uint64_t)(state >> 16) * range) >> 16);
}

static inline uint32_t seed_of(uint32_t member) { return (member + 1) * 0x9e3779b1u; }

static inline uint32_t scaled(uint32_t count, double scale) {
  uint32_t n = (uint32_t)(count * scale + 0.5);
  return n < 1 ? 1 : n;
}

static inline void *checked(void *block) {
  if (block == NULL) fail("out of memory", "");
  return block;
}

/* volatile, or the compiler drops stores to blocks that are freed unread. */
static inline void touch(void *block, size_t at) { ((volatile uint8_t *)block)[at] = 1; }

static inline void populate(void *block, size_t from, size_t to) {
  for (size_t at = from; at < to; at += PAGE) touch(block, at);
  touch(block, to - 1);
}

#endif
