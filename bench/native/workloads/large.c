#include "../bench.h"

enum { SLOTS = 8, STEPS = 128, LEAST = 256 * 1024, STEP = 4096 };
enum { SIZES = (4 * 1024 * 1024 - LEAST) / STEP + 1 };

static uint32_t steps, state;
static void *slots[SLOTS];

static uint64_t prepare(double scale) {
  state = seed_of(0);
  return steps = scaled(STEPS, scale);
}

static void pass(int member) {
  (void)member;
  for (uint32_t i = 0; i < steps; i++) {
    state = next(state);
    void **slot = &slots[i % SLOTS];
    size_t bytes = LEAST + STEP * (size_t)below(state, SIZES);
    free(*slot);
    void *block = checked(malloc(bytes));
    populate(block, 0, bytes);
    *slot = block;
  }
}

const workload_t large = {"large", 1, prepare, pass};
const workload_t large_dynamic = {"large-dynamic", 1, prepare, pass};
