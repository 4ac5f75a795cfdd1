#include "../bench.h"

enum { SLOTS = 5000, STEPS = 25000, ROUNDS = 4, LEAST = 8, SIZES = 1000 - LEAST + 1 };

/* On lines of its own: the members would share one. */
typedef struct {
  uint32_t place, state;
  char spare[120];
} server_t;

static uint32_t steps;
static void **tables[MEMBERS];
static server_t servers[MEMBERS];

static uint64_t prepare(double scale) {
  for (uint32_t i = 0; i < MEMBERS; i++) {
    tables[i] = resident_pages(SLOTS * sizeof(void *));
    servers[i] = (server_t){.place = i, .state = seed_of(i)};
  }
  steps = scaled(STEPS, scale);
  return (uint64_t)MEMBERS * ROUNDS * steps;
}

static void serve(server_t *server) {
  void **slots = tables[server->place];
  uint32_t s = server->state;
  for (uint32_t i = 0; i < steps; i++) {
    s = next(s);
    uint32_t slot = below(s, SLOTS);
    s = next(s);
    uint32_t bytes = LEAST + below(s, SIZES);
    free(slots[slot]);
    void *block = checked(malloc(bytes));
    touch(block, 0);
    touch(block, bytes - 1);
    slots[slot] = block;
  }
  server->state = s;
}

static void pass(int member) {
  server_t *server = &servers[member];
  for (int round = 0; round < ROUNDS; round++) {
    serve(server);
    crew_barrier();
    server->place = (server->place + 1) % MEMBERS;
  }
}

const workload_t larson = {"larson", MEMBERS, prepare, pass};
