/*
 * What the programs of this folder have in common: memory that no malloc knows of, the clock, and what the kernel says
 * of this process. Nothing here calls malloc, so that nothing but the blocks makes the process grow.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stddef.h>
#include <stdint.h>

_Noreturn void fail(const char *what, const char *detail);

/* Zeroed memory from the kernel, every page of it resident. */
void *resident_pages(size_t bytes);

double now_ns(void);

/* One field of /proc/self/status in bytes: "VmRSS:", "VmHWM:". */
long status_bytes(const char *field);

/* Lets VmHWM start anew from what is resident now. */
void reset_peak(void);

#endif
