/*
 * slow-disk CONTROL -- COMMAND ARGS...
 *
 * Runs a command whose fsync and fdatasync calls pass through a gate that the test moves while the command runs. Works
 * for every program, also one that makes its system calls without the C library (Go), because the kernel itself asks:
 * a seccomp filter hands these two calls, and no others, to a watcher process.
 *
 * CONTROL is a file of three 32-bit numbers in the machine's own order, read anew for every call:
 *   delay   milliseconds to hold each call before it goes on; calls that are held follow when it is changed
 *   mode    0: the call is made; 1: it is answered with success and not made; 2: it fails with EIO
 *   calls   counted by the watcher, for the test to read
 *
 * The command keeps the process id that was started; the watcher ends with the last process under the filter.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_held = 256 };
static const int64_t ms = 1000 * 1000, longest_wait = 20 * 1000 * 1000;

struct control {
  volatile uint32_t delay_ms;
  volatile uint32_t mode;
  volatile uint32_t calls;
};

/* Times are nanoseconds: with whole milliseconds calls would end together, in step with the clock. */
struct held {
  uint64_t id;
  int64_t since;
};

static void die(const char *what) {
  fprintf(stderr, "slow-disk: %s: %s\n", what, strerror(errno));
  exit(125);
}

static int64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (int64_t)at.tv_sec * 1000 * ms + at.tv_nsec;
}

static void answer(int listener, const struct control *control, uint64_t id) {
  struct seccomp_notif_resp response = {.id = id};
  if (control->mode == 0)
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  else if (control->mode == 2)
    response.error = -EIO;
  /* The caller may have been killed meanwhile; then there is nobody to answer. */
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void watch(int listener, struct control *control) {
  static struct held held[max_held];
  int count = 0;
  /* Without it the kernel gathers what sleeps end within 50 microseconds of each other. */
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  for (;;) {
    int64_t now = now_ns();
    int64_t wait = -1;
    for (int i = 0; i < count;) {
      int64_t left = held[i].since + control->delay_ms * ms - now;
      if (left <= 0) {
        answer(listener, control, held[i].id);
        held[i] = held[--count];
        continue;
      }
      if (left > longest_wait) left = longest_wait;
      if (wait < 0 || left < wait) wait = left;
      i++;
    }
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    struct timespec timeout = {.tv_nsec = wait};
    int ready = ppoll(&waiting, 1, wait < 0 ? NULL : &timeout, NULL);
    if (ready < 0 && errno != EINTR) return;
    if (ready <= 0) continue;
    if (!(waiting.revents & POLLIN)) return;
    struct seccomp_notif request;
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
    control->calls++;
    if (control->delay_ms == 0 || count == max_held)
      answer(listener, control, request.id);
    else
      held[count++] = (struct held){request.id, now_ns()};
  }
}

static void send_fd(int channel, int fd) {
  char byte = 0, space[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (sendmsg(channel, &message, 0) != 1) die("cannot hand over the listener");
}

static int receive_fd(int channel) {
  char byte, space[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head == NULL || head->cmsg_type != SCM_RIGHTS) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

/* Everything but fsync and fdatasync is allowed at the cost of a few instructions. */
static int install_filter(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fsync, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fdatasync, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int main(int argc, char **argv) {
  if (argc < 4 || strcmp(argv[2], "--") != 0) {
    fprintf(stderr, "usage: slow-disk CONTROL -- COMMAND ARGS...\n");
    return 125;
  }
  int file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, sizeof(struct control)) != 0) die(argv[1]);
  struct control *control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (control == MAP_FAILED) die("mmap");
  int channel[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) die("socketpair");
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    /* Forked twice, so that the command does not find itself with a child it never made. */
    if (fork() != 0) _exit(0);
    close(channel[0]);
    /* Signals to the terminal's or the command's process group are not for the watcher. */
    setsid();
    int listener = receive_fd(channel[1]);
    if (listener < 0) _exit(1);
    close(channel[1]);
    for (int fd = 0; fd < 3; fd++) close(fd);
    watch(listener, control);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  close(channel[1]);
  int listener = install_filter();
  if (listener < 0) die("seccomp");
  send_fd(channel[0], listener);
  close(listener);
  close(channel[0]);
  execvp(argv[3], argv + 3);
  die(argv[3]);
}
