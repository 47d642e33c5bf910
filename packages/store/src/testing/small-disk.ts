/** A small file system of its own for one member, in a mount namespace of its own: nothing outside can see or fill it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCluster } from './processes.ts';

export class SmallDisk {
  readonly #holder: ChildProcess;
  /** The member's data directory as this process sees it. */
  readonly path: string;

  private constructor(holder: ChildProcess, folder: string) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/root${folder}`;
  }

  /** Gives a member that was not started yet a data directory of so many bytes. */
  static async under(cluster: TestCluster, name: string, bytes: number): Promise<SmallDisk> {
    const folder = cluster.dataDir(name);
    mkdirSync(folder, { recursive: true });
    const script = `mount -t tmpfs -o size=${bytes} tmpfs "$1" && echo ready && exec sleep 600`;
    const holder = spawn(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', folder],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit').then(() => Promise.reject(new Error('cannot mount a file system; root may'))),
    ]);
    cluster.prefixes.set(name, ['nsenter', `--target=${holder.pid}`, '--mount', '--']);
    return new SmallDisk(holder, folder);
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all room but so many bytes, as another program would. */
  fill(leave: number): void {
    const fd = openSync(join(this.path, 'filler'), 'a');
    const block = Buffer.alloc(64 * 1024);
    try {
      while (this.free > leave) writeSync(fd, block.subarray(0, Math.min(block.length, this.free - leave)));
    } finally {
      closeSync(fd);
    }
  }

  clear(): void {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  /** After the member has ended. */
  async remove(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    this.#holder.kill('SIGKILL');
    await once(this.#holder, 'exit');
  }
}
