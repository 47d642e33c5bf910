/**
 * Loaded first by every Node process that `npm test -- --late-syncs MS` starts, and by each of its worker threads: fsync and
 * fdatasync come back later by a random time, at most so much, as on a disk that others write to. Whoever syncs waits for
 * it as for a real disk: the thread, where it asks so. LevelDB asks the kernel itself and is not reached; for that, and for
 * programs that are not ours, there is the gate of test/chaos.
 */
import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const mostMs = Number(process.env['TIMONIER_LATE_SYNCS_MS']);
const nobody = new Int32Array(new SharedArrayBuffer(4));

function afterWaiting(sync: (fd: number) => void): (fd: number) => void {
  return (fd) => {
    Atomics.wait(nobody, 0, 0, Math.random() * mostMs);
    sync(fd);
  };
}

fs.fsyncSync = afterWaiting(fs.fsyncSync);
fs.fdatasyncSync = afterWaiting(fs.fdatasyncSync);
syncBuiltinESMExports();

// Only a handle knows its class.
const handle = await open('/dev/null');
const methods = Object.getPrototypeOf(handle) as Pick<FileHandle, 'sync' | 'datasync'>;
await handle.close();
for (const name of ['sync', 'datasync'] as const) {
  const sync = methods[name];
  methods[name] = async function (this: FileHandle) {
    await pause(Math.random() * mostMs);
    return sync.call(this);
  };
}
