#include "../bench.h"

enum { BYTES = 8, ITERATIONS = 200, ROUNDS = 2500 };

static uint32_t iterations;
static void *given[MEMBERS];

static uint64_t prepare(double scale) {
  iterations = scaled(ITERATIONS, scale);
  return (uint64_t)MEMBERS * iterations * ROUNDS * BYTES;
}

static void change(void *block) {
  volatile uint8_t *bytes = block;
  bytes[0]++;
  bytes[1]++;
  bytes[2]++;
  bytes[3]++;
  bytes[4]++;
  bytes[5]++;
  bytes[6]++;
  bytes[7]++;
}

static void scratch(void) {
  void *block = checked(malloc(BYTES));
  for (int round = 0; round < ROUNDS; round++) change(block);
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
