/**
 * Slow, failing and lying disks for any program, without a special disk: its fsync and fdatasync calls wait at a gate
 * that moves while it runs. The kernel itself sends them there (native/slow-disk.c), so that programs that bypass the
 * C library, such as etcd, are slowed exactly as ours are.
 *
 *   const gate = new SyncGate(await buildNative('slowDisk', folder), join(folder, 'm1.sync'));
 *   spawn(...gate.wrap('etcd', flags)); gate.set({ delayMs: 10 });
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** What happens to a call when its time has come: made, answered with success and not made, or failed with EIO. */
export const syncMode = { real: 0, skipped: 1, failing: 2 } as const;

export type SyncMode = (typeof syncMode)[keyof typeof syncMode];

export class SyncGate {
  readonly #program: string;
  readonly #control: string;

  /** `program` is the built slow-disk; `control` a file of this gate's own. The gate stands open at first. */
  constructor(program: string, control: string) {
    this.#program = program;
    this.#control = control;
    writeFileSync(control, Buffer.alloc(12));
  }

  /** The command that runs `file` with `args` behind the gate, under the process id that is started. */
  wrap(file: string, args: readonly string[]): [file: string, args: string[]] {
    return [this.#program, [this.#control, '--', file, ...args]];
  }

  /** From now on, also for calls that wait already. */
  set({ delayMs = 0, mode = syncMode.real }: { delayMs?: number; mode?: SyncMode }): void {
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32LE(delayMs, 0);
    numbers.writeUInt32LE(mode, 4);
    // In place: running watchers have the file mapped.
    const fd = openSync(this.#control, 'r+');
    writeSync(fd, numbers, 0, numbers.length, 0);
    closeSync(fd);
  }

  /** How many calls came to the gate. */
  get calls(): number {
    return readFileSync(this.#control).readUInt32LE(8);
  }
}
