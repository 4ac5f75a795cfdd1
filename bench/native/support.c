#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s%s\n", what, detail);
  exit(1);
}

void *resident_pages(size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void *at = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (at == MAP_FAILED) fail("mmap failed", "");
  memset(at, 0, bytes);
  return at;
}

double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

long status_bytes(const char *field) {
  char text[8192];
  int file = open("/proc/self/status", O_RDONLY);
  ssize_t got = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  text[got > 0 ? got : 0] = 0;
  const char *at = strstr(text, field);
  return at == NULL ? 0 : strtol(at + strlen(field), NULL, 10) * 1024; /* given in KiB */
}

void reset_peak(void) {
  int file = open("/proc/self/clear_refs", O_WRONLY);
  if (file < 0) return;
  if (write(file, "5", 1) != 1) fprintf(stderr, "the resident peak could not be reset\n");
  close(file);
}
