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

/** Bytes that this process may still write where `path` is. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
