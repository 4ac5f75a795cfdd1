#include "../bench.h"

enum {
  SLOTS = 1000, LOOPS = 400, LEAST = 8, RANGE = 16000 - LEAST + 1, LEAST_OPS = 30, OPS = 70, CROSS = 2,
  ALLOC_STRIDE = 7, FREE_STRIDE = 11, RING = 16, BATCH = LEAST_OPS + OPS,
};

/* On lines of its own: the members would share one. */
typedef struct {
  uint32_t count;
  char spare[124];
  void *blocks[BATCH];
} batch_t;

typedef struct {
  void **slots;
  uint32_t state, alloc_at, free_at, taken, sent;
  char spare[100];
} player_t;

static uint32_t loops;
static batch_t *rings[MEMBERS];
static player_t players[MEMBERS];

static uint64_t prepare(double scale) {
  loops = scaled(LOOPS, scale);
  for (uint32_t i = 0; i < MEMBERS; i++) {
    players[i] = (player_t){.slots = resident_pages(SLOTS * sizeof(void *)), .state = seed_of(i)};
    rings[i] = resident_pages(RING * sizeof(batch_t));
  }
  return (uint64_t)(MEMBERS * loops * (LEAST_OPS + (OPS - 1) / 2.0) * (1 + 1.0 / CROSS) + 0.5);
}

static void *allocate(uint32_t s) {
  uint32_t one = below(s, RANGE), other = below(next(s), RANGE);
  size_t bytes = LEAST + (one < other ? one : other);
  void *block = checked(malloc(bytes));
  populate(block, 0, bytes);
  return block;
}

static void take(player_t *player, batch_t *ring) {
  for (;;) {
    batch_t *batch = &ring[player->taken];
    uint32_t count = __atomic_load_n(&batch->count, __ATOMIC_ACQUIRE);
    if (count == 0) return;
    for (uint32_t i = 0; i < count; i++) free(batch->blocks[i]);
    __atomic_store_n(&batch->count, 0, __ATOMIC_RELEASE);
    player->taken = (player->taken + 1) % RING;
  }
}

static void drop(void **slots, uint32_t at, uint32_t count) {
  for (uint32_t i = 0; i < count; i++, at = (at + FREE_STRIDE) % SLOTS) {
    free(slots[at]);
    slots[at] = NULL;
  }
}

static void replace(player_t *player, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    player->state = next(next(player->state));
    free(player->slots[player->alloc_at]);
    player->slots[player->alloc_at] = allocate(player->state);
    player->alloc_at = (player->alloc_at + ALLOC_STRIDE) % SLOTS;
  }
}

static void hand_over(player_t *player, batch_t *ring, uint32_t count) {
  batch_t *batch = &ring[player->sent];
  if (__atomic_load_n(&batch->count, __ATOMIC_ACQUIRE) != 0) return;
  for (uint32_t i = 0; i < count; i++) {
    player->state = next(next(player->state));
    batch->blocks[i] = allocate(player->state);
  }
  __atomic_store_n(&batch->count, count, __ATOMIC_RELEASE);
  player->sent = (player->sent + 1) % RING;
}

static void pass(int member) {
  player_t *player = &players[member];
  for (uint32_t i = 0; i < loops; i++) {
    take(player, rings[member]);
    player->state = next(player->state);
    uint32_t frees = LEAST_OPS + below(player->state, OPS);
    drop(player->slots, player->free_at, frees);
    player->free_at = (player->free_at + frees * FREE_STRIDE) % SLOTS;
    player->state = next(player->state);
    uint32_t allocs = LEAST_OPS + below(player->state, OPS);
    replace(player, allocs);
    if (i % CROSS == 0) hand_over(player, rings[(member + 1) % MEMBERS], allocs);
  }
  crew_barrier();
  take(player, rings[member]);
  drop(player->slots, 0, SLOTS);
}

const workload_t rptest = {"rptest", MEMBERS, prepare, pass};
