#include "../bench.h"

enum { TEXTS = 2, APPENDED = 64, APPENDS = 2000, LEAST = 16 };

static uint32_t appends, state;

static uint64_t prepare(double scale) {
  state = seed_of(0);
  appends = scaled(APPENDS, scale);
  return (uint64_t)appends * TEXTS;
}

static void pass(int member) {
  (void)member;
  void *texts[TEXTS];
  size_t lengths[TEXTS];
  for (int i = 0; i < TEXTS; i++) {
    texts[i] = checked(malloc(LEAST));
    lengths[i] = LEAST;
  }
  for (uint32_t n = 0; n < appends; n++) {
    for (int i = 0; i < TEXTS; i++) {
      state = next(state);
      lengths[i] += 1 + below(state, APPENDED);
      texts[i] = checked(realloc(texts[i], lengths[i]));
      touch(texts[i], lengths[i] - 1);
    }
  }
  for (int i = 0; i < TEXTS; i++) free(texts[i]);
}

const workload_t string = {"string", 1, prepare, pass};
