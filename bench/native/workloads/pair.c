#include "../bench.h"

enum { PAIRS = 100000, BYTES = 64 };

static uint32_t pairs;
/* Where blocks are shown, or the compiler drops the pair. */
static void *volatile sink;

static uint64_t prepare(double scale) { return pairs = scaled(PAIRS, scale); }

static void pass(int member) {
  (void)member;
  for (uint32_t i = 0; i < pairs; i++) {
    void *block = checked(malloc(BYTES));
    sink = block;
    free(block);
  }
}

const workload_t pair = {"pair", 1, prepare, pass};
