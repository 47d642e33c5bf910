/*
 * A preload library that moves the wall clock of one process, and of nothing else on the machine.
 *
 * TIMONIER_TEST_CLOCK names a file of one 64-bit number: nanoseconds to add to CLOCK_REALTIME, read at every call, so
 * that a test steps the clock while the process runs. The monotonic clocks stay as they are: the kernel never steps
 * them either. A program that reads the clock without the C library (Go) is not reached.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none;
static volatile int64_t *offset = &none;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("TIMONIER_TEST_CLOCK");
  if (path == NULL) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) offset = map;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  if (real_clock_gettime == NULL) begin();
  int result = real_clock_gettime(clock, out);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = out->tv_nsec + *offset % 1000000000;
    out->tv_sec += *offset / 1000000000;
    if (ns < 0) {
      ns += 1000000000;
      out->tv_sec--;
    } else if (ns >= 1000000000) {
      ns -= 1000000000;
      out->tv_sec++;
    }
    out->tv_nsec = ns;
  }
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec at;
  int result = clock_gettime(CLOCK_REALTIME, &at);
  out->tv_sec = at.tv_sec;
  out->tv_usec = at.tv_nsec / 1000;
  return result;
}

time_t time(time_t *out) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  if (out != NULL) *out = at.tv_sec;
  return at.tv_sec;
}
