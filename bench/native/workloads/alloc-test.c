#include "../bench.h"

enum { SLOTS = 65536, STEPS = 200000, LEVELS = 6, FIFTH = 13107, LEAST = 8, DOUBLINGS = 7 };

static uint32_t steps;
static uint32_t *picks, *sizes;
static void **slots;

static void draw(void) {
  uint32_t s = seed_of(0);
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t range = SLOTS, first = 0;
    for (int level = 0; level < LEVELS; level++) {
      uint32_t fifth = (range * FIFTH) >> 16;
      s = next(s);
      if (below(s, 5) < 4) {
        range = fifth;
      } else {
        first += fifth;
        range -= fifth;
        break;
      }
    }
    s = next(s);
    picks[i] = first + below(s, range);
    s = next(s);
    uint32_t bytes = LEAST;
    for (int bit = 0; bit < DOUBLINGS && ((s >> bit) & 1) == 1; bit++) bytes *= 2;
    sizes[i] = bytes + below(s, bytes);
  }
}

static uint64_t prepare(double scale) {
  steps = 2 * scaled(STEPS / 2, scale);
  picks = resident_pages(steps * sizeof *picks);
  sizes = resident_pages(steps * sizeof *sizes);
  slots = resident_pages(SLOTS * sizeof *slots);
  draw();
  return steps / 2;
}

static void pass(int member) {
  (void)member;
  for (uint32_t i = 0; i < steps; i++) {
    void **slot = &slots[picks[i]];
    uint32_t bytes = sizes[i];
    if (*slot != NULL) {
      free(*slot);
      *slot = NULL;
    } else {
      void *block = checked(malloc(bytes));
      touch(block, 0);
      touch(block, bytes - 1);
      *slot = block;
    }
  }
}

const workload_t alloc_test = {"alloc-test", 1, prepare, pass};
