/*
 * A shared library that records what a program asks of glibc's malloc:
 *
 *   HEAPWRIGHT_RECORD=PREFIX LD_PRELOAD=record.so program
 *
 * writes PREFIX.PID, anew when the process becomes another program by exec: a count of 8 bytes, padded to
 * 32, then 32 bytes per event. The file is a mapping, so that it is whole however the process ends; it is as long as it
 * may become, and sparse. A forked child that does not exec goes on unrecorded.
 *
 *   event + 0   u64   what: RECORD_MALLOC ... in the lowest byte, log2 of the alignment in the next
 *         + 8   u64   address given, 0 when there is none
 *         +16   u64   address returned
 *         +24   u64   bytes
 *
 * Threads are recorded one after the other: a lock is held around each call, so that the events are in an order in which
 * an address is never handed out before it was given back. Nothing here may call malloc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own, under the names that no other library takes. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { RECORD_MALLOC = 1, RECORD_CALLOC, RECORD_REALLOC, RECORD_FREE, RECORD_ALIGNED };

typedef struct {
  uint64_t what, given, returned, bytes;
} event_t;

typedef struct {
  uint64_t count, spare[3];
  event_t events[];
} log_t;

static const uint64_t MAX_BYTES = UINT64_C(1) << 34;

/* In a page that is zero in a forked child, which is thereby unlocked and records nothing. */
typedef struct {
  int lock;
  log_t *log;
} state_t;

static state_t *state;
static int begun;

static void *map(size_t bytes, int flags, int file) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  return at == MAP_FAILED ? NULL : at;
}

static log_t *open_log(void) {
  const char *prefix = getenv("HEAPWRIGHT_RECORD");
  char path[4096];
  if (prefix == NULL || snprintf(path, sizeof path, "%s.%d", prefix, (int)getpid()) >= (int)sizeof path) return NULL;
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return NULL;
  log_t *log = ftruncate(file, (off_t)MAX_BYTES) == 0 ? map(MAX_BYTES, MAP_SHARED, file) : NULL;
  close(file);
  return log;
}

/* The first call comes before there can be a second thread. */
static void begin(void) {
  begun = 1;
  int kept = errno;
  state_t *page = map(4096, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (page != NULL && madvise(page, 4096, MADV_WIPEONFORK) == 0) {
    page->log = open_log();
    state = page;
  }
  errno = kept;
}

static void lock(void) {
  if (!begun) begin();
  if (state == NULL) return;
  while (__atomic_exchange_n(&state->lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
}

static void unlock(void) {
  if (state != NULL) __atomic_store_n(&state->lock, 0, __ATOMIC_RELEASE);
}

static void record(int what, int log2align, const void *given, const void *returned, size_t bytes) {
  log_t *log = state == NULL ? NULL : state->log;
  if (log == NULL || sizeof *log + (log->count + 1) * sizeof(event_t) > MAX_BYTES) return;
  log->events[log->count] = (event_t){
      .what = (uint64_t)(what | log2align << 8),
      .given = (uintptr_t)given,
      .returned = (uintptr_t)returned,
      .bytes = bytes,
  };
  log->count++;
}

void *malloc(size_t size) {
  lock();
  void *block = __libc_malloc(size);
  if (block != NULL) record(RECORD_MALLOC, 0, NULL, block, size);
  unlock();
  return block;
}

void *calloc(size_t count, size_t size) {
  lock();
  void *block = __libc_calloc(count, size);
  if (block != NULL) record(RECORD_CALLOC, 0, NULL, block, count * size);
  unlock();
  return block;
}

/* glibc frees a block that is resized to 0 bytes. */
void *realloc(void *old, size_t size) {
  lock();
  void *block = __libc_realloc(old, size);
  if (old == NULL && block != NULL) record(RECORD_MALLOC, 0, NULL, block, size);
  else if (old != NULL && block != NULL) record(RECORD_REALLOC, 0, old, block, size);
  else if (old != NULL && size == 0) record(RECORD_FREE, 0, old, NULL, 0);
  unlock();
  return block;
}

void free(void *block) {
  if (block == NULL) return;
  lock();
  record(RECORD_FREE, 0, block, NULL, 0);
  __libc_free(block);
  unlock();
}

void *memalign(size_t alignment, size_t size) {
  lock();
  void *block = __libc_memalign(alignment, size);
  if (block != NULL && alignment != 0) record(RECORD_ALIGNED, __builtin_ctzll(alignment), NULL, block, size);
  unlock();
  return block;
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *got = memalign(alignment, size);
  if (got == NULL) return ENOMEM;
  *block = got;
  return 0;
}

void *valloc(size_t size) { return memalign((size_t)sysconf(_SC_PAGESIZE), size); }
