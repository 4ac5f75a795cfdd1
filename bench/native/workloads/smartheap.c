#include "../bench.h"

enum { SLOTS = 20000, KEPT = SLOTS / 5, ROUNDS = 4, LARGEST = 1000, MAX_SIZES = 65536 };

/* On lines of its own: the members would share one. */
typedef struct {
  void **slots;
  uint32_t at, from, to;
  char spare[104];
} buffer_t;

static uint32_t rounds, count;
static uint16_t *sizes;
static buffer_t buffers[MEMBERS];

static void draw(void) {
  sizes = resident_pages(MAX_SIZES * sizeof *sizes);
  for (uint32_t base = 1; base < LARGEST; base = base * 3 / 2 + 1)
    for (uint32_t bytes = base; bytes > 0; bytes /= 2)
      for (int i = 0; i < (bytes < 100 ? 250 : 50); i++) sizes[count++] = (uint16_t)bytes;
}

static uint64_t prepare(double scale) {
  rounds = scaled(ROUNDS, scale);
  draw();
  for (int i = 0; i < MEMBERS; i++) buffers[i].slots = resident_pages(SLOTS * sizeof(void *));
  return (uint64_t)rounds * count;
}

static uint64_t prepare_crew(double scale) { return MEMBERS * prepare(scale); }

/* Frees what is not kept: the lower part of one buffer, and the upper part of another or the same. */
static void turn(buffer_t *buffer, const buffer_t *upper) {
  buffer->from = buffer->to == SLOTS ? 0 : buffer->to;
  buffer->to = buffer->from + KEPT;
  if (upper != buffer) crew_barrier();
  for (uint32_t i = 0; i < buffer->from; i++) free(buffer->slots[i]);
  for (uint32_t i = SLOTS; i-- > buffer->to;) free(upper->slots[i]);
  if (upper != buffer) crew_barrier();
  buffer->at = buffer->from == 0 ? buffer->to : 0;
}

static void fill(buffer_t *buffer, const buffer_t *upper) {
  for (uint32_t i = 0; i < count; i++) {
    if (buffer->at == buffer->from) buffer->at = buffer->to;
    if (buffer->at == SLOTS) turn(buffer, upper);
    buffer->slots[buffer->at++] = checked(malloc(sizes[i]));
  }
}

static void pass_alone(int member) {
  for (uint32_t round = 0; round < rounds; round++) fill(&buffers[member], &buffers[member]);
}

static void pass_crew(int member) {
  for (uint32_t round = 0; round < rounds; round++)
    fill(&buffers[member], &buffers[(member + 1) % MEMBERS]);
}

const workload_t sh6bench = {"sh6bench", 1, prepare, pass_alone};
const workload_t sh8bench = {"sh8bench", MEMBERS, prepare_crew, pass_crew};
