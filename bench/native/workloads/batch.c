#include "../bench.h"

enum { BLOCKS = 100000, BYTES = 64, LEAST = 16, SIZES = 512 - LEAST + 1 };

static uint32_t blocks, state;
static void **slots;

static uint64_t prepare(double scale) {
  state = seed_of(0);
  blocks = scaled(BLOCKS, scale);
  slots = resident_pages(blocks * sizeof *slots);
  return blocks;
}

static void pass(int member) {
  (void)member;
  for (uint32_t i = 0; i < blocks; i++) slots[i] = checked(malloc(BYTES));
  for (uint32_t i = 0; i < blocks; i++) free(slots[i]);
}

static void pass_mixed(int member) {
  (void)member;
  uint32_t s = state;
  for (uint32_t i = 0; i < blocks; i++) {
    s = next(s);
    slots[i] = checked(malloc(LEAST + below(s, SIZES)));
  }
  for (uint32_t i = 0; i < blocks; i++) free(slots[i]);
  state = s;
}

const workload_t batch = {"batch", 1, prepare, pass};
const workload_t batch_mixed = {"batch-mixed", 1, prepare, pass_mixed};
