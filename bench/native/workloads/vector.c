#include "../bench.h"

enum { VECTORS = 4, LEAST = 16, DOUBLINGS = 16, REPEATS = 16 };

static uint32_t repeats;
static void *slots[VECTORS];

static uint64_t prepare(double scale) {
  repeats = scaled(REPEATS, scale);
  return (uint64_t)repeats * VECTORS * DOUBLINGS;
}

static void grow(void) {
  for (int i = 0; i < VECTORS; i++) slots[i] = checked(malloc(LEAST));
  size_t bytes = LEAST;
  for (int doubling = 0; doubling < DOUBLINGS; doubling++) {
    for (int i = 0; i < VECTORS; i++) {
      slots[i] = checked(realloc(slots[i], 2 * bytes));
      populate(slots[i], bytes, 2 * bytes);
    }
    bytes *= 2;
  }
  for (int i = 0; i < VECTORS; i++) free(slots[i]);
}

static void pass(int member) {
  (void)member;
  for (uint32_t i = 0; i < repeats; i++) grow();
}

const workload_t vector = {"vector", 1, prepare, pass};
const workload_t vector_dynamic = {"vector-dynamic", 1, prepare, pass};
