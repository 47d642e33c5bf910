/**
 * The system calls that Node has no function for, each as a synchronous call that throws a `SystemError` with the
 * kernel's error code. All of them act on the calling thread; callers that change a thread's namespaces must change
 * them back before they return to the event loop (`inNamespaces` does).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { koffi } from './native.ts';

// The symbols come from the C library this process is already linked with.
const libc = koffi.load(null);

const calls = {
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  unshare: libc.func('int unshare(int flags)'),
  setns: libc.func('int setns(int fd, int type)'),
  sethostname: libc.func('int sethostname(const char *name, size_t length)'),
  setdomainname: libc.func('int setdomainname(const char *name, size_t length)'),
  mknod: libc.func('int mknod(const char *path, uint mode, uint64_t device)'),
  lsetxattr: libc.func(
    'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
  ),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  connect: libc.func('int connect(int fd, const void *address, uint length)'),
  getsockopt: libc.func(
    'int getsockopt(int fd, int level, int name, _Inout_ int *value, _Inout_ uint *length)',
  ),
  getpeername: libc.func('int getpeername(int fd, void *address, _Inout_ uint *length)'),
  recvmsg: libc.func('int64_t recvmsg(int fd, void *message, int flags)'),
  ioctlValue: libc.func('ioctl', 'int', ['int', 'ulong', 'ulong']),
  ioctlPointer: libc.func('ioctl', 'int', ['int', 'ulong', 'void *']),
} as const;

// Some numbers have two names; the first one counts, as in EAGAIN before EWOULDBLOCK.
const errorNames = new Map(
  Object.entries(osConstants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** A refused system call. `code` is the kernel's name for the reason, such as `EBUSY`. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, code: string, what: string) {
    super(`${syscall} ${what}: ${code}`);
    this.code = code;
    this.syscall = syscall;
  }
}

function check(result: unknown, syscall: string, what: string): number {
  const number = Number(result);
  if (number >= 0) return number;
  const errno = koffi.errno();
  throw new SystemError(syscall, errorNames.get(errno) ?? `errno ${errno}`, what);
}

export const mountFlag = {
  readonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  noatime: 1024,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
} as const;

export function mount(source: string, target: string, type: string, flags: number, data = ''): void {
  check(
    calls.mount(source, target, type === '' ? null : type, flags, data === '' ? null : data),
    'mount',
    `${source} on ${target}`,
  );
}

export function umount(target: string, options: { readonly lazy?: boolean } = {}): void {
  check(calls.umount2(target, options.lazy === true ? 2 : 0), 'umount', target);
}

const namespaceFlag = {
  mnt: 0x0002_0000,
  cgroup: 0x0200_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  user: 0x1000_0000,
  pid: 0x2000_0000,
  net: 0x4000_0000,
} as const;
export type NamespaceKind = keyof typeof namespaceFlag;

export function unshare(kinds: readonly NamespaceKind[]): void {
  let flags = 0;
  for (const kind of kinds) flags |= namespaceFlag[kind];
  check(calls.unshare(flags), 'unshare', kinds.join(','));
}

/** Moves the calling thread into the namespace at `path`, such as `/run/netns/x`. */
export function enterNamespace(path: string, kind: NamespaceKind): void {
  const fd = openSync(path, 'r');
  try {
    check(calls.setns(fd, namespaceFlag[kind]), 'setns', path);
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs a synchronous function while the calling thread is in other network, IPC or UTS namespaces, and comes back.
 * A thread that cannot come back must not go on in a foreign namespace: then the process ends.
 */
export function inNamespaces<T>(
  kinds: readonly ('net' | 'ipc' | 'uts')[],
  enter: () => void,
  run: () => T,
): T {
  const homes = kinds.map((kind) => ({ kind, fd: openSync(`/proc/thread-self/ns/${kind}`, 'r') }));
  try {
    enter();
    return run();
  } finally {
    for (const { kind, fd } of homes) {
      if (Number(calls.setns(fd, namespaceFlag[kind])) < 0) process.abort();
      closeSync(fd);
    }
  }
}

export function setHostname(name: string): void {
  check(calls.sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

export const fileType = { fifo: 0o010000, character: 0o020000, block: 0o060000 } as const;

/** Makes a device node or FIFO; `mode` holds the type and the permission bits. */
export function mknod(path: string, mode: number, major = 0, minor = 0): void {
  const device =
    (BigInt(major & 0xfff) << 8n) |
    (BigInt(major >>> 12) << 32n) |
    BigInt(minor & 0xff) |
    (BigInt(minor >>> 8) << 12n);
  check(calls.mknod(path, mode, device), 'mknod', path);
}

/** Sets an extended attribute without following a symbolic link. */
export function setAttribute(path: string, name: string, value: Buffer): void {
  check(calls.lsetxattr(path, name, value, value.length, 0), 'lsetxattr', `${name} of ${path}`);
}

const solSocket = 1;
const soError = 4;
const socketFlags = 0o2000000 | 0o4000; // close-on-exec, non-blocking

/** A non-blocking TCP socket that has begun to connect; it belongs to the caller's current network namespace. */
export function beginTcpConnect(address: string, port: number): number {
  const octets = address.split('.').map(Number);
  const fd = check(calls.socket(2, 1 | socketFlags, 0), 'socket', 'tcp');
  const target = Buffer.alloc(16);
  target.writeUInt16LE(2, 0);
  target.writeUInt16BE(port, 2);
  target.set(octets, 4);
  return connectOrClose(fd, target, target.length, `${address}:${port}`);
}

/** A connected, non-blocking unix socket of packets (SOCK_SEQPACKET), which Node's `net` cannot make. */
export function connectSeqpacket(path: string): number {
  const name = Buffer.from(path);
  if (name.length > 107) throw new SystemError('connect', 'ENAMETOOLONG', path);
  const target = Buffer.alloc(110);
  target.writeUInt16LE(1, 0);
  name.copy(target, 2);
  const fd = check(calls.socket(1, 5 | socketFlags, 0), 'socket', 'seqpacket');
  return connectOrClose(fd, target, 2 + name.length + 1, path);
}

function connectOrClose(fd: number, address: Buffer, length: number, what: string): number {
  try {
    check(calls.connect(fd, address, length), 'connect', what);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EINPROGRESS') {
      closeSync(fd);
      throw error;
    }
  }
  return fd;
}

/** The error a socket has met since it was last asked, as a code; undefined when none. */
export function socketError(fd: number): string | undefined {
  const value = [0];
  check(calls.getsockopt(fd, solSocket, soError, value, [4]), 'getsockopt', String(fd));
  const errno = value[0] ?? 0;
  return errno === 0 ? undefined : (errorNames.get(errno) ?? `errno ${errno}`);
}

/** Whether a connection that was begun has been made. */
export function isConnected(fd: number): boolean {
  return Number(calls.getpeername(fd, Buffer.alloc(128), [128])) === 0;
}

/**
 * Receives one file descriptor that a peer passes over a unix socket. Undefined when nothing has arrived yet.
 * Throws when a message came without one.
 */
export function receiveDescriptor(socket: number): number | undefined {
  const payload = Buffer.alloc(4096);
  const control = Buffer.alloc(64);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(koffi.address(payload), 0);
  vector.writeBigUInt64LE(BigInt(payload.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(koffi.address(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(koffi.address(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  const closeOnExec = 0x4000_0000;
  const dontWait = 0x40;
  try {
    check(calls.recvmsg(socket, header, closeOnExec | dontWait), 'recvmsg', String(socket));
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EAGAIN') return undefined;
    throw error;
  }
  const isRights = control.readInt32LE(8) === solSocket && control.readInt32LE(12) === 1;
  if (header.readBigUInt64LE(40) < 20n || !isRights) {
    throw new SystemError('recvmsg', 'ENOMSG', 'without a file descriptor');
  }
  return control.readInt32LE(16);
}

/** A new pseudo-terminal. Both descriptors belong to the caller. */
export function openPseudoTerminal(): { readonly controller: number; readonly terminal: number } {
  const controller = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    check(calls.ioctlPointer(controller, 0x4004_5431, Buffer.alloc(4)), 'ioctl', 'TIOCSPTLCK');
    const flags = BigInt(constants.O_RDWR | constants.O_NOCTTY) | 0o2000000n;
    const terminal = check(calls.ioctlValue(controller, 0x5441, flags), 'ioctl', 'TIOCGPTPEER');
    return { controller, terminal };
  } catch (error) {
    closeSync(controller);
    throw error;
  }
}

/** Tells a terminal its size. */
export function setTerminalSize(fd: number, columns: number, rows: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(calls.ioctlPointer(fd, 0x5414, size), 'ioctl', 'TIOCSWINSZ');
}

/** Brings an interface of the current network namespace up. */
export function linkUp(name: string): void {
  const fd = check(calls.socket(2, 2 | socketFlags, 0), 'socket', 'udp');
  try {
    const request = Buffer.alloc(40);
    request.write(name.slice(0, 15), 0, 'ascii');
    check(calls.ioctlPointer(fd, 0x8913, request), 'ioctl', `SIOCGIFFLAGS ${name}`);
    request.writeUInt16LE(request.readUInt16LE(16) | 1, 16);
    check(calls.ioctlPointer(fd, 0x8914, request), 'ioctl', `SIOCSIFFLAGS ${name}`);
  } finally {
    closeSync(fd);
  }
}
