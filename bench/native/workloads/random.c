#include "../bench.h"

enum { SLOTS = 4096, STEPS = 100000, LEAST = 16, SIZES = 512 - LEAST + 1 };

static uint32_t steps, state;
static void **slots;

static uint64_t prepare(double scale) {
  slots = resident_pages(SLOTS * sizeof *slots);
  state = seed_of(0);
  return steps = scaled(STEPS, scale);
}

static void pass(int member) {
  (void)member;
  uint32_t s = state;
  for (uint32_t i = 0; i < steps; i++) {
    s = next(s);
    uint32_t slot = below(s, SLOTS);
    s = next(s);
    free(slots[slot]);
    slots[slot] = checked(malloc(LEAST + below(s, SIZES)));
  }
  state = s;
}

const workload_t random_slots = {"random", 1, prepare, pass};
