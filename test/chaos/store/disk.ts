/**
 * A disk of its own for one member: an ext4 file system in a file. It can be filled up, emptied again, and lose its
 * power: the kernel then throws away every change that no fsync had forced out, directory entries included, exactly
 * as it would be lost with the machine.
 */
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import koffi from 'koffi';

const run = promisify(execFile);
const commandMs = 30_000;
const spareBytes = 512 * 1024;
// The symbol comes from the C library this process is already linked with.
const ioctl: (fd: number, request: number, value: Uint32Array) => number = koffi
  .load(null)
  .func('int ioctl(int fd, ulong request, uint32_t *value)');
/** FS_IOC_SHUTDOWN, an `_IOR('X', 125, uint32_t)`. */
const shutdownRequest = 0x8004587d;
/** Neither data nor the journal is written out first. */
const withoutFlush = 2;

export class Disk {
  readonly folder: string;
  readonly #image: string;

  constructor(folder: string, name: string) {
    this.folder = join(folder, `${name}.disk`);
    this.#image = join(folder, `${name}.img`);
  }

  async create(bytes: number): Promise<void> {
    const file = await open(this.#image, 'w');
    await file.truncate(bytes);
    await file.close();
    mkdirSync(this.folder, { recursive: true });
    await this.#format();
    await this.#mount();
  }

  /** Everything on it is gone. Only when nobody has a file open there. */
  async reformat(): Promise<void> {
    await run('umount', [this.folder], { timeout: commandMs });
    await this.#format();
    await this.#mount();
  }

  async #format(): Promise<void> {
    const now = 'lazy_itable_init=0,lazy_journal_init=0';
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-J', 'size=8', '-E', now, this.#image], {
      timeout: commandMs,
    });
  }

  /** Everything that was not forced out is gone, and nothing can be read or written until `powerOn`. */
  powerOff(): void {
    const fd = openSync(this.folder, 'r');
    try {
      const result = ioctl(fd, shutdownRequest, new Uint32Array([withoutFlush]));
      if (result !== 0) throw new Error(`cannot cut the power of ${this.folder}: errno ${koffi.errno()}`);
    } finally {
      closeSync(fd);
    }
  }

  /** Only when nobody has a file open there any more. */
  async powerOn(): Promise<void> {
    await run('umount', [this.folder], { timeout: commandMs });
    await this.#mount();
  }

  /** Leaves no block free. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    const coarse = Math.max(bsize, bavail * bsize - spareBytes);
    await run('fallocate', ['-l', String(coarse), this.#ballast], { timeout: commandMs });
    const ballast = await open(this.#ballast, 'a');
    try {
      // What is left for metadata is used up block by block.
      const block = Buffer.alloc(bsize);
      for (let left = (2 * spareBytes) / bsize; left > 0; left--) await ballast.write(block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      await ballast.close();
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }

  async #mount(): Promise<void> {
    await run('mount', ['-o', 'loop', this.#image, this.folder], { timeout: commandMs });
  }
}
