#include "../bench.h"

enum { SOON = 20000, LATE = 10000, SHARED = 1000, ITEM = 8 };

/* On lines of its own: the members would share one. */
typedef struct {
  void **data, **kept;
  uint32_t state;
  char spare[108];
} life_t;

static uint32_t soon, late;
static void *shared[SHARED];
static life_t lives[MEMBERS];

static uint64_t prepare(double scale) {
  soon = scaled(SOON, scale);
  late = scaled(LATE, scale);
  for (uint32_t i = 0; i < MEMBERS; i++) {
    lives[i].data = resident_pages(soon * sizeof(void *));
    lives[i].kept = resident_pages(late * sizeof(void *));
    lives[i].state = seed_of(i);
  }
  return (uint64_t)MEMBERS * (soon + late);
}

static uint32_t items_of(uint32_t s) {
  uint32_t items = 1u << (s & 3), chance = below(s, 10000);
  if (chance >= 100) return 2 * items;
  if (chance == 0) return 10000 * items;
  return (chance <= 10 ? 1000 : 100) * items;
}

static void *allocate(life_t *life) {
  life->state = next(life->state);
  size_t bytes = ITEM * (size_t)items_of(life->state);
  void *block = checked(calloc(1, bytes));
  touch(block, 0);
  touch(block, bytes - 1);
  return block;
}

static void drop(void **slot) {
  free(*slot);
  *slot = NULL;
}

static void swap(void **from, uint32_t place) {
  *from = __atomic_exchange_n(&shared[place], *from, __ATOMIC_ACQ_REL);
}

static void live(life_t *life) {
  uint32_t top = 0, keep = 0;
  while (top < soon || keep < late) {
    life->state = next(life->state);
    if (keep == late || (below(life->state, 2) == 0 && top < soon)) life->data[top++] = allocate(life);
    else life->kept[keep++] = allocate(life);
    if (top == 0) continue;
    uint32_t s = next(life->state);
    if (below(s, 100) < 66) drop(&life->data[below(next(s), top)]);
    s = next(next(s));
    if (below(s, 100) < 25) swap(&life->data[below(next(s), top)], below(next(next(s)), SHARED));
    life->state = next(next(s));
  }
}

static void pass(int member) {
  life_t *life = &lives[member];
  live(life);
  for (uint32_t i = 0; i < late; i++) drop(&life->kept[i]);
  for (uint32_t i = 0; i < soon; i++) drop(&life->data[i]);
}

const workload_t mstress = {"mstress", MEMBERS, prepare, pass};
