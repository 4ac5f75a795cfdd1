/*
 * Replays an unpacked allocation trace on the malloc of this process, and prints one line of JSON:
 *
 *   {"ns":[per pass, ns per operation],"peakResidentGrowth":bytes,"peakLive":bytes,"ops":records}
 *
 *   replay FILE PASSES
 *
 * Touching rule, the same as in the TypeScript replayers: the first byte, the last byte and one byte in each
 * 4 KiB of every new block; a block that was resized counts as new. Blocks left over at the end of a pass are
 * freed outside the timing.
 *
 * peakResidentGrowth is VmHWM at the end of the first pass less VmRSS just before it. So that nothing but the
 * blocks makes it grow, the replayer itself never calls malloc: its tables are mapped and touched beforehand,
 * and its output has a static buffer.
 */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OP_MALLOC = 1, OP_CALLOC, OP_REALLOC, OP_FREE, OP_ALIGNED };
enum { HEADER_BYTES = 8, TOUCH_STEP = 4096, MAX_PASSES = 1000 };

typedef struct {
  uint32_t count;
  uint32_t blocks; /* one more than the highest id */
  const uint8_t *op, *log2align;
  const uint32_t *id, *size;
} trace_t;

static trace_t load(const char *path) {
  int file = open(path, O_RDONLY);
  struct stat info;
  if (file < 0 || fstat(file, &info) != 0) fail("cannot open ", path);
  size_t bytes = (size_t)info.st_size;
  uint8_t *raw = resident_pages(bytes);
  for (size_t done = 0; done < bytes;) {
    ssize_t got = read(file, raw + done, bytes - done);
    if (got <= 0) fail("cannot read ", path);
    done += (size_t)got;
  }
  close(file);
  if (bytes < HEADER_BYTES || memcmp(raw, "HWT1", 4) != 0) fail("not a trace: ", path);
  trace_t trace = {0};
  memcpy(&trace.count, raw + 4, 4);
  size_t ids = (HEADER_BYTES + 2 * (size_t)trace.count + 3) / 4 * 4;
  if (bytes != ids + 8 * (size_t)trace.count) fail("wrong length: ", path);
  trace.op = raw + HEADER_BYTES;
  trace.log2align = trace.op + trace.count;
  trace.id = (const uint32_t *)(raw + ids);
  trace.size = trace.id + trace.count;
  for (uint32_t i = 0; i < trace.count; i++)
    if (trace.id[i] >= trace.blocks) trace.blocks = trace.id[i] + 1;
  return trace;
}

/* volatile, or the compiler drops stores to blocks that are freed unread. */
static inline void touch(void *block, size_t size) {
  volatile uint8_t *bytes = block;
  if (size == 0) return;
  for (size_t at = 0; at < size; at += TOUCH_STEP) bytes[at] = 1;
  bytes[size - 1] = 1;
}

static void replay(const trace_t *trace, void **blocks) {
  for (uint32_t i = 0; i < trace->count; i++) {
    uint32_t id = trace->id[i];
    size_t size = trace->size[i];
    void *block = NULL;
    switch (trace->op[i]) {
      case OP_MALLOC: block = malloc(size); break;
      case OP_CALLOC: block = calloc(1, size); break;
      case OP_REALLOC: block = realloc(blocks[id], size); break;
      case OP_ALIGNED: block = aligned_alloc((size_t)1 << trace->log2align[i], size); break;
      case OP_FREE:
        free(blocks[id]);
        blocks[id] = NULL;
        continue;
      default: fail("unknown op", "");
    }
    if (block == NULL && size != 0) fail("out of memory", "");
    touch(block, size);
    blocks[id] = block;
  }
}

static void free_leftovers(const trace_t *trace, void **blocks) {
  for (uint32_t id = 0; id < trace->blocks; id++) {
    free(blocks[id]);
    blocks[id] = NULL;
  }
}

static long long peak_live(const trace_t *trace) {
  uint32_t *held = resident_pages((size_t)trace->blocks * sizeof *held);
  long long live = 0, peak = 0;
  for (uint32_t i = 0; i < trace->count; i++) {
    live += (long long)trace->size[i] - held[trace->id[i]];
    held[trace->id[i]] = trace->size[i]; /* 0 on a free */
    if (live > peak) peak = live;
  }
  munmap(held, (size_t)trace->blocks * sizeof *held);
  return peak;
}

int main(int argc, char **argv) {
  static char output[1 << 16];
  static double ns[MAX_PASSES];
  setvbuf(stdout, output, _IOFBF, sizeof output);
  int passes = argc == 3 ? atoi(argv[2]) : 0;
  if (passes < 1 || passes > MAX_PASSES) fail("usage: replay FILE PASSES", "");
  trace_t trace = load(argv[1]);
  long long live = peak_live(&trace);
  void **blocks = resident_pages((size_t)trace.blocks * sizeof *blocks);
  memset(ns, 0, sizeof ns);
  reset_peak(); /* reading the trace has left a peak that would hide part of the growth */
  long before = status_bytes("VmRSS:"), growth = 0;
  for (int pass = 0; pass < passes; pass++) {
    double start = now_ns();
    replay(&trace, blocks);
    ns[pass] = (now_ns() - start) / (trace.count ? trace.count : 1);
    if (pass == 0) growth = status_bytes("VmHWM:") - before;
    free_leftovers(&trace, blocks);
  }
  printf("{\"ns\":[");
  for (int pass = 0; pass < passes; pass++) printf("%s%.3f", pass ? "," : "", ns[pass]);
  printf("],\"peakResidentGrowth\":%ld,\"peakLive\":%lld,\"ops\":%u}\n", growth, live, trace.count);
  return 0;
}
