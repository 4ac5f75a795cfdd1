#include "../bench.h"

enum { BYTES = 8, ITERATIONS = 50, STORES = 20000 };

static uint32_t iterations;
static void *given[MEMBERS];

static uint64_t prepare(double scale) {
  iterations = scaled(ITERATIONS, scale);
  return (uint64_t)MEMBERS * iterations * STORES;
}

static void scratch(void) {
  void *block = checked(malloc(BYTES));
  for (int i = 0; i < STORES; i++) touch(block, i & (BYTES - 1));
  free(block);
}

static void pass(int member) {
  if (member == 0)
    for (int i = 0; i < MEMBERS; i++) given[i] = checked(malloc(BYTES));
  crew_barrier();
  free(given[member]);
  for (uint32_t i = 0; i < iterations; i++) scratch();
  crew_barrier();
}

const workload_t cache_scratch = {"cache-scratch", MEMBERS, prepare, pass};
