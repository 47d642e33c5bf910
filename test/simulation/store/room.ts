/** How much room the file system of a host has: log, state and promises lie on it together. */
import type { DiskRoom } from '../../../packages/store/src/disk-room.ts';

/** `low`: writes succeed, and the member is to raise its alarm. */
export type RoomState = 'plenty' | 'low' | 'none';

const mebibyte = 1024 * 1024;
const total = 1024 * mebibyte;
const free = { plenty: total / 2, low: 4 * mebibyte, none: 0 } as const;

export class Room {
  state: RoomState = 'plenty';

  get now(): DiskRoom {
    return { free: free[this.state], total };
  }

  /** Throws as a write does that needs more room than there is. */
  need(): void {
    if (this.state !== 'none') return;
    const error: NodeJS.ErrnoException = new Error('No space left on device');
    error.code = 'ENOSPC';
    throw error;
  }
}
