/**
 * How much room a file system has, and which errors say that it has none. Everything that is written is written ahead
 * of being counted on, so a write that found no room can be tried again; a failed sync cannot.
 */
import { statfsSync } from 'node:fs';

/** Whether an error says that there was no room for a write. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, syscall, message } = cause as NodeJS.ErrnoException;
    // What a failed sync leaves on disk is unknown, whatever its reason.
    if (syscall === 'fdatasync' || syscall === 'fsync') return false;
    if (code === 'ENOSPC' || code === 'EDQUOT') return true;
    if (/No space left on device|Disk quota exceeded/.test(message)) return true;
  }
  return false;
}

/** In bytes. */
export interface DiskRoom {
  /** What may still be written. */
  readonly free: number;
  readonly total: number;
}

/** Of the file system that a path is on; what only root may use does not count. Throws the system's error. */
export function diskRoom(path: string): DiskRoom {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { free: bavail * bsize, total: blocks * bsize };
}

const mebibyte = 1024 * 1024;

/** What must stay free for a store to work: for tables that LevelDB merges, for segments of the log, for an alarm. */
export function reserveOf({ total }: DiskRoom): number {
  return Math.min(64 * mebibyte, Math.max(8 * mebibyte, Math.ceil(total / 20)));
}
