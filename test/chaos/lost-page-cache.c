/*
 * A preload library that writes down what a process does to the files below one folder, and what of it was forced
 * out to the disk, so that a test can take away after the end of the process whatever a lost page cache would have
 * taken away. The files themselves are written as always: readers of the process see what they wrote.
 *
 *   TIMONIER_TEST_DISK      the folder
 *   TIMONIER_TEST_JOURNAL   where to write the record; the process id is appended
 *   TIMONIER_TEST_SYNC      "skip": fsync and fdatasync succeed and do nothing, to prove that a test notices
 *
 * A record is a header of four numbers in the machine's own order (type, bytes that follow, inode, number) and these
 * bytes. A change is recorded together with being made, under one lock, so that the order is true. A sync covers what
 * was recorded before it began, and is recorded after it succeeded and before its caller hears of it.
 *
 * A stream of stdio (LevelDB writes through them) is only ever appended to: what has come through is looked up in the
 * file after each call that may have let something through.
 *
 * What goes past the calls below is not seen; the test compares its picture of the files with the files themselves, so
 * that nothing is missed unnoticed. To do so it must not stop the process in the middle of a change: JOURNAL.PID.busy
 * holds one number, which is 0 while no change is being made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Some C libraries have macros of these names. */
#undef fwrite_unlocked
#undef fileno_unlocked
#undef fflush_unlocked

enum record_type { created = 1, written, truncated, renamed, removed, synced, folder_made };
enum { most_descriptors = 65536 };

struct record {
  uint32_t type;
  uint32_t bytes;
  uint64_t inode;
  uint64_t number;
};

static char root[PATH_MAX];
static size_t root_length;
static int journal = -1;
static int skip_sync;
static uint64_t records;
/* The inode behind a descriptor that was opened below the root; 0 for every other. */
static uint64_t inodes[most_descriptors];
/* Of a descriptor behind a stream: one to read the same file by, and how much of it is recorded. */
static struct { int reader; off64_t recorded; } streams[most_descriptors];
static volatile uint32_t *busy;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define REAL(result, name, ...) static result (*real_##name)(__VA_ARGS__)
REAL(int, open64, const char *, int, ...);
REAL(int, openat, int, const char *, int, ...);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t);
REAL(int, ftruncate64, int, off64_t);
REAL(int, rename, const char *, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, mkdir, const char *, mode_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(FILE *, fopen64, const char *, const char *);
REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
REAL(size_t, fwrite_unlocked, const void *, size_t, size_t, FILE *);
REAL(int, fflush, FILE *);
REAL(int, fflush_unlocked, FILE *);
REAL(int, fclose, FILE *);

static void find(void **target, const char *name) {
  *target = dlsym(RTLD_NEXT, name);
}

static void begin(void) {
  find((void **)&real_open64, "open64");
  find((void **)&real_openat, "openat");
  find((void **)&real_write, "write");
  find((void **)&real_pwrite64, "pwrite64");
  find((void **)&real_writev, "writev");
  find((void **)&real_pwritev64, "pwritev64");
  find((void **)&real_ftruncate64, "ftruncate64");
  find((void **)&real_rename, "rename");
  find((void **)&real_unlinkat, "unlinkat");
  find((void **)&real_mkdir, "mkdir");
  find((void **)&real_fsync, "fsync");
  find((void **)&real_fdatasync, "fdatasync");
  find((void **)&real_fopen64, "fopen64");
  find((void **)&real_fwrite, "fwrite");
  find((void **)&real_fwrite_unlocked, "fwrite_unlocked");
  find((void **)&real_fflush, "fflush");
  find((void **)&real_fflush_unlocked, "fflush_unlocked");
  find((void **)&real_fclose, "fclose");
  const char *folder = getenv("TIMONIER_TEST_DISK"), *path = getenv("TIMONIER_TEST_JOURNAL");
  const char *sync = getenv("TIMONIER_TEST_SYNC");
  skip_sync = sync != NULL && strcmp(sync, "skip") == 0;
  if (folder == NULL || path == NULL || realpath(folder, root) == NULL) return;
  root_length = strlen(root);
  char name[PATH_MAX];
  snprintf(name, sizeof name, "%s.%d", path, getpid());
  journal = real_open64(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) abort();
  strncat(name, ".busy", sizeof name - strlen(name) - 1);
  int state = real_open64(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (state < 0 || real_ftruncate64(state, sizeof *busy) != 0) abort();
  busy = mmap(NULL, sizeof *busy, PROT_READ | PROT_WRITE, MAP_SHARED, state, 0);
  if (busy == MAP_FAILED) abort();
  close(state);
}

__attribute__((constructor)) static void start(void) {
  pthread_once(&once, begin);
}

static int enter(void) {
  pthread_once(&once, begin);
  if (journal < 0) return 0;
  pthread_mutex_lock(&lock);
  *busy = 1;
  return 1;
}

static void leave(void) {
  int kept = errno;
  *busy = 0;
  pthread_mutex_unlock(&lock);
  errno = kept;
}

/* With the lock held. A record that cannot be written would make the test lie. */
static void note(uint32_t type, uint64_t inode, uint64_t number, const struct iovec *parts, int count, size_t bytes) {
  int kept = errno;
  struct record head = {type, (uint32_t)bytes, inode, number};
  if (real_write(journal, &head, sizeof head) != sizeof head) abort();
  for (int i = 0; i < count && bytes > 0; i++) {
    size_t size = parts[i].iov_len < bytes ? parts[i].iov_len : bytes;
    const char *at = parts[i].iov_base;
    for (bytes -= size; size > 0;) {
      ssize_t done = real_write(journal, at, size);
      if (done <= 0) abort();
      at += done;
      size -= (size_t)done;
    }
  }
  records++;
  errno = kept;
}

static void note_path(uint32_t type, uint64_t inode, const char *path) {
  struct iovec part = {(void *)path, strlen(path)};
  note(type, inode, 0, &part, 1, part.iov_len);
}

/* The path below the root, NULL when it is elsewhere. The last component need not exist. */
static const char *below(int at, const char *path, char *space) {
  char whole[PATH_MAX], parent[PATH_MAX], link[64];
  if (path[0] == '/' || at == AT_FDCWD)
    snprintf(whole, sizeof whole, "%s", path);
  else {
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, parent, sizeof parent - 1);
    if (length < 0) return NULL;
    parent[length] = 0;
    if ((size_t)snprintf(whole, sizeof whole, "%s/%s", parent, path) >= sizeof whole) return NULL;
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  const char *name = slash == NULL ? whole : slash + 1;
  if (slash != NULL) *slash = 0;
  if (realpath(slash == NULL ? "." : slash == whole ? "/" : whole, parent) == NULL) return NULL;
  if ((size_t)snprintf(space, PATH_MAX, "%s/%s", parent, name) >= PATH_MAX) return NULL;
  if (strncmp(space, root, root_length) != 0 || space[root_length] != '/') return NULL;
  return space + root_length + 1;
}

/* The inode of a descriptor that is ours, 0 otherwise: numbers are used again for sockets. */
static uint64_t ours(int fd) {
  struct stat found;
  if (fd < 0 || fd >= most_descriptors || inodes[fd] == 0) return 0;
  int kept = errno;
  uint64_t inode = fstat(fd, &found) == 0 && found.st_ino == inodes[fd] ? inodes[fd] : 0;
  errno = kept;
  return inode;
}

static int open_noted(int at, const char *path, int flags, mode_t mode) {
  if (!enter()) return real_openat(at, path, flags, mode);
  char space[PATH_MAX];
  struct stat found;
  const char *name = below(at, path, space);
  int existed = name != NULL && fstatat(at, path, &found, 0) == 0;
  int fd = real_openat(at, path, flags, mode);
  if (fd >= 0 && fd < most_descriptors) {
    inodes[fd] = 0;
    streams[fd].reader = 0;
    if (name != NULL && fstat(fd, &found) == 0) {
      inodes[fd] = found.st_ino;
      if (!existed && S_ISREG(found.st_mode)) note_path(created, found.st_ino, name);
      if (existed && (flags & O_TRUNC)) note(truncated, found.st_ino, 0, NULL, 0, 0);
    }
  }
  leave();
  return fd;
}

#define MODE(flags)                                  \
  mode_t mode = 0;                                   \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {           \
    va_list arguments;                               \
    va_start(arguments, flags);                      \
    mode = va_arg(arguments, mode_t);                \
    va_end(arguments);                               \
  }

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return open_noted(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open_noted(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  return open_noted(at, path, flags, mode);
}

static void wrote(uint64_t inode, off64_t offset, const struct iovec *parts, int count, ssize_t done) {
  if (done > 0) note(written, inode, (uint64_t)offset, parts, count, (size_t)done);
}

ssize_t write(int fd, const void *bytes, size_t size) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_write(fd, bytes, size);
  }
  struct iovec part = {(void *)bytes, size};
  ssize_t done = real_write(fd, bytes, size);
  wrote(inode, lseek64(fd, 0, SEEK_CUR) - done, &part, 1, done);
  leave();
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_writev(fd, parts, count);
  }
  ssize_t done = real_writev(fd, parts, count);
  wrote(inode, lseek64(fd, 0, SEEK_CUR) - done, parts, count, done);
  leave();
  return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_pwrite64(fd, bytes, size, offset);
  }
  struct iovec part = {(void *)bytes, size};
  ssize_t done = real_pwrite64(fd, bytes, size, offset);
  wrote(inode, offset, &part, 1, done);
  leave();
  return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_pwritev64(fd, parts, count, offset);
  }
  ssize_t done = real_pwritev64(fd, parts, count, offset);
  wrote(inode, offset, parts, count, done);
  leave();
  return done;
}

int ftruncate64(int fd, off64_t size) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_ftruncate64(fd, size);
  }
  int result = real_ftruncate64(fd, size);
  if (result == 0) note(truncated, inode, (uint64_t)size, NULL, 0, 0);
  leave();
  return result;
}

int rename(const char *from, const char *to) {
  if (!enter()) return real_rename(from, to);
  char first[PATH_MAX], second[PATH_MAX];
  const char *a = below(AT_FDCWD, from, first), *b = below(AT_FDCWD, to, second);
  int result = real_rename(from, to);
  if (result == 0 && a != NULL && b != NULL) {
    struct iovec parts[] = {{(void *)a, strlen(a) + 1}, {(void *)b, strlen(b)}};
    note(renamed, 0, 0, parts, 2, parts[0].iov_len + parts[1].iov_len);
  }
  leave();
  return result;
}

int unlinkat(int at, const char *path, int flags) {
  if (!enter()) return real_unlinkat(at, path, flags);
  char space[PATH_MAX];
  const char *name = below(at, path, space);
  int result = real_unlinkat(at, path, flags);
  if (result == 0 && name != NULL) note_path(removed, 0, name);
  leave();
  return result;
}

int unlink(const char *path) {
  return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode) {
  if (!enter()) return real_mkdir(path, mode);
  char space[PATH_MAX];
  struct stat found;
  int result = real_mkdir(path, mode);
  const char *name = result == 0 ? below(AT_FDCWD, path, space) : NULL;
  if (name != NULL && stat(path, &found) == 0) note_path(folder_made, found.st_ino, name);
  leave();
  return result;
}

static int sync_noted(int fd, int (*real)(int)) {
  uint64_t inode = ours(fd);
  if (inode == 0 || !enter()) return real(fd);
  uint64_t before = records;
  leave();
  if (skip_sync) return 0;
  int result = real(fd);
  if (result == 0 && enter()) {
    note(synced, inode, before, NULL, 0, 0);
    leave();
  }
  return result;
}

int fsync(int fd) {
  pthread_once(&once, begin);
  return sync_noted(fd, real_fsync);
}

int fdatasync(int fd) {
  pthread_once(&once, begin);
  return sync_noted(fd, real_fdatasync);
}

/* With the lock held: records what a stream has let through to its file. */
static void catch_up(int fd) {
  char space[65536];
  if (fd < 0 || fd >= most_descriptors || streams[fd].reader <= 0) return;
  for (;;) {
    ssize_t got = pread64(streams[fd].reader, space, sizeof space, streams[fd].recorded);
    if (got <= 0) return;
    struct iovec part = {space, (size_t)got};
    wrote(inodes[fd], streams[fd].recorded, &part, 1, got);
    streams[fd].recorded += got;
  }
}

FILE *fopen64(const char *path, const char *mode) {
  if (mode[0] == 'r' || !enter()) {
    pthread_once(&once, begin);
    return real_fopen64(path, mode);
  }
  char space[PATH_MAX], link[64];
  struct stat found;
  const char *name = below(AT_FDCWD, path, space);
  int existed = name != NULL && stat(path, &found) == 0;
  FILE *stream = real_fopen64(path, mode);
  int fd = stream == NULL ? -1 : fileno(stream);
  if (fd >= 0 && fd < most_descriptors) {
    inodes[fd] = 0;
    if (name != NULL && fstat(fd, &found) == 0) {
      inodes[fd] = found.st_ino;
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      streams[fd].reader = real_open64(link, O_RDONLY | O_CLOEXEC);
      streams[fd].recorded = found.st_size;
      if (streams[fd].reader < 0) abort();
      if (!existed) note_path(created, found.st_ino, name);
      else if (mode[0] == 'w') note(truncated, found.st_ino, 0, NULL, 0, 0);
    }
  }
  leave();
  return stream;
}

FILE *fopen(const char *path, const char *mode) {
  return fopen64(path, mode);
}

/* The call itself under the lock as well, so that nothing comes through that is not yet recorded. */
#define THROUGH(type, stream, call)                                  \
  int fd = fileno_unlocked(stream);                                  \
  if (ours(fd) == 0 || !enter()) {                                   \
    pthread_once(&once, begin);                                      \
    return call;                                                     \
  }                                                                  \
  type result = call;                                                \
  catch_up(fd);                                                      \
  leave();                                                           \
  return result;

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  THROUGH(size_t, stream, real_fwrite(bytes, size, count, stream))
}

size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *stream) {
  THROUGH(size_t, stream, real_fwrite_unlocked(bytes, size, count, stream))
}

int fflush(FILE *stream) {
  if (stream == NULL) return real_fflush(NULL);
  THROUGH(int, stream, real_fflush(stream))
}

int fflush_unlocked(FILE *stream) {
  if (stream == NULL) return real_fflush_unlocked(NULL);
  THROUGH(int, stream, real_fflush_unlocked(stream))
}

int fclose(FILE *stream) {
  int fd = fileno_unlocked(stream);
  if (ours(fd) == 0 || !enter()) {
    pthread_once(&once, begin);
    return real_fclose(stream);
  }
  real_fflush(stream);
  catch_up(fd);
  if (streams[fd].reader > 0) close(streams[fd].reader);
  streams[fd].reader = 0;
  inodes[fd] = 0;
  int result = real_fclose(stream);
  leave();
  return result;
}
