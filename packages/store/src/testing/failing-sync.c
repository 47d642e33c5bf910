/*
 * Preloaded into a store by sync-failure.test.ts: makes syncs fail from the outside.
 *
 *   TIMONIER_TEST_FAIL_SYNC     a file; while it exists, syncs fail with EIO
 *   TIMONIER_TEST_FAIL_SYNC_IN  ... of files whose path contains this
 *
 * Every failed sync adds an F to the file, and every sync of such a file afterwards an S: a store that tries again is
 * seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed;

static int concerned(int fd) {
  const char *part = getenv("TIMONIER_TEST_FAIL_SYNC_IN");
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || part == NULL) return 0;
  path[length] = 0;
  return strstr(path, part) != NULL;
}

static int refuse(int fd) {
  const char *trigger = getenv("TIMONIER_TEST_FAIL_SYNC");
  if (trigger == NULL || !concerned(fd)) return 0;
  int note = open(trigger, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (note < 0) return 0;
  int again = __atomic_exchange_n(&failed, 1, __ATOMIC_SEQ_CST);
  ssize_t written = write(note, again ? "S" : "F", 1);
  (void)written;
  close(note);
  if (again) return 0;
  errno = EIO;
  return 1;
}

int fsync(int fd) {
  if (refuse(fd)) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
  if (refuse(fd)) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
