#include "../bench.h"

#include <pthread.h>

enum { BYTES = 64, BATCH = 4096, RING = 8, BATCHES = 32 };

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int full;
  void **blocks;
} place_t;

static uint32_t batches;
static place_t ring[RING];
static uint32_t turns[MEMBERS][32]; /* the first word of each, on lines of its own */

static uint64_t prepare(double scale) {
  batches = scaled(BATCHES, scale);
  for (int i = 0; i < RING; i++) {
    pthread_mutex_init(&ring[i].lock, NULL);
    pthread_cond_init(&ring[i].changed, NULL);
    ring[i].blocks = resident_pages(BATCH * sizeof(void *));
  }
  return (uint64_t)batches * BATCH;
}

static void await_state(place_t *place, int full) {
  pthread_mutex_lock(&place->lock);
  while (place->full != full) pthread_cond_wait(&place->changed, &place->lock);
  pthread_mutex_unlock(&place->lock);
}

static void set_state(place_t *place, int full) {
  pthread_mutex_lock(&place->lock);
  place->full = full;
  pthread_cond_signal(&place->changed);
  pthread_mutex_unlock(&place->lock);
}

static void produce(void **blocks) {
  for (int i = 0; i < BATCH; i++) {
    void *block = checked(malloc(BYTES));
    touch(block, 0);
    touch(block, BYTES - 1);
    blocks[i] = block;
  }
}

static void consume(void **blocks) {
  for (int i = 0; i < BATCH; i++) free(blocks[i]);
}

static void pass(int member) {
  int produces = member == 0;
  for (uint32_t n = 0; n < batches; n++) {
    place_t *place = &ring[turns[member][0]];
    await_state(place, !produces);
    if (produces) produce(place->blocks);
    else consume(place->blocks);
    set_state(place, produces);
    turns[member][0] = (turns[member][0] + 1) % RING;
  }
}

const workload_t xmalloc_test = {"xmalloc-test", MEMBERS, prepare, pass};
