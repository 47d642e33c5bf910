/**
 * The few file operations that the write-ahead log is made of, all synchronous, and the real ones. A twin in memory
 * forgets what was not synced (test/simulation).
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export interface LogFile {
  /** Writes all of `bytes` at a place. */
  write(bytes: Buffer, at: number): void;
  /** Makes contents durable. */
  sync(): void;
  close(): void;
}

export interface LogDisk {
  /** For messages to people. */
  readonly folder: string;
  /** Names in the folder, which is made if it is not there. */
  list(): string[];
  read(name: string): Buffer;
  open(name: string): LogFile;
  create(name: string): LogFile;
  /** Makes it durable that the file exists. */
  syncEntry(name: string): void;
  remove(name: string): void;
}

class NodeFile implements LogFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Buffer, at: number): void {
    let written = 0;
    while (written < bytes.length)
      written += writeSync(this.#fd, bytes, written, bytes.length - written, at + written);
  }

  sync(): void {
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A folder of the machine. */
export function folderDisk(folder: string): LogDisk {
  return {
    folder,
    list: () => {
      mkdirSync(folder, { recursive: true });
      return readdirSync(folder);
    },
    read: (name) => readFileSync(join(folder, name)),
    open: (name) => new NodeFile(openSync(join(folder, name), 'r+')),
    create: (name) => new NodeFile(openSync(join(folder, name), 'w+', 0o600)),
    syncEntry: (name) => {
      syncPath(join(folder, name));
      syncPath(folder);
    },
    remove: (name) => rmSync(join(folder, name)),
  };
}
