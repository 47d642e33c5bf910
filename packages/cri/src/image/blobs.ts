/**
 * Content by digest: files under `blobs/sha256/HEX`, written beside their place, verified, then renamed into it, so
 * that a file with that name always has that content.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Delivers a blob's bytes from `offset` on. May fail in the middle; the caller then asks for the rest. */
export type BlobSource = (offset: number, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

const attempts = 4;

export class BlobStore {
  readonly #folder: string;
  readonly #writing = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#folder = join(root, 'blobs/sha256');
  }

  async prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
  }

  path(digest: string): string {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
      throw new CriError(criStatus.INVALID_ARGUMENT, `unsupported digest "${digest}": only sha256 is known`);
    }
    return join(this.#folder, digest.slice('sha256:'.length));
  }

  has(digest: string): boolean {
    return existsSync(this.path(digest));
  }

  read(digest: string): Promise<Buffer> {
    return readFile(this.path(digest));
  }

  stream(digest: string): AsyncIterable<Buffer> {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  /**
   * Makes sure the blob is here, resuming after broken transfers. A second caller for the same blob waits for the
   * first. Rejects with DATA_LOSS when what arrives is not what the digest names.
   */
  async fetch(descriptor: Descriptor, source: BlobSource, signal: AbortSignal): Promise<void> {
    if (this.has(descriptor.digest)) return;
    const running = this.#writing.get(descriptor.digest);
    if (running !== undefined) return await running;
    const writing = this.#fetch(descriptor, source, signal);
    this.#writing.set(descriptor.digest, writing);
    try {
      await writing;
    } finally {
      this.#writing.delete(descriptor.digest);
    }
  }

  async #fetch(descriptor: Descriptor, source: BlobSource, signal: AbortSignal): Promise<void> {
    const target = this.path(descriptor.digest);
    const partial = `${target}.partial`;
    await rm(partial, { force: true });
    const file = await open(partial, 'wx', 0o600);
    const hash = createHash('sha256');
    let received = 0;
    try {
      for (let attempt = 1; received < descriptor.size || attempt === 1; attempt++) {
        try {
          for await (const chunk of await source(received, signal)) {
            if (received + chunk.length > descriptor.size) {
              throw new CriError(
                criStatus.DATA_LOSS,
                `${descriptor.digest} is longer than ${descriptor.size} bytes`,
              );
            }
            // A write may end early when the disk is nearly full; this goes on until all is written, or says why not.
            await file.appendFile(chunk).catch((error: unknown) => {
              throw this.#notStored(descriptor.digest, error);
            });
            hash.update(chunk);
            received += chunk.length;
          }
          if (received < descriptor.size) throw new Error(`the transfer ended after ${received} bytes`);
        } catch (error) {
          if (attempt >= attempts || signal.aborted || error instanceof CriError) throw error;
        }
      }
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== descriptor.digest) {
        throw new CriError(
          criStatus.DATA_LOSS,
          `content has digest ${found} instead of ${descriptor.digest}`,
        );
      }
      await file.sync().catch((error: unknown) => {
        throw this.#notStored(descriptor.digest, error);
      });
      await file.close();
      await rename(partial, target);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** A failure of the disk, which no second transfer would mend. */
  #notStored(digest: string, cause: unknown): CriError {
    const full =
      cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
    return full
      ? new CriError(
          criStatus.RESOURCE_EXHAUSTED,
          `no space left on device for ${digest}: make room in ${this.#folder}`,
        )
      : new CriError(criStatus.INTERNAL, `cannot store ${digest} in ${this.#folder}: ${String(cause)}`);
  }

  /** Stores bytes that are already in memory. */
  async put(descriptor: Descriptor, content: Buffer): Promise<void> {
    const source: BlobSource = async (offset) =>
      (async function* () {
        yield content.subarray(offset);
      })();
    await this.fetch(descriptor, source, new AbortController().signal);
  }

  /** Removes every blob that `keep` does not name. */
  async collect(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const digest = `sha256:${name.replace(/\.partial$/, '')}`;
      if (!keep.has(digest) && !this.#writing.has(digest))
        await rm(join(this.#folder, name), { force: true });
    }
  }

  async usedBytes(): Promise<{ bytes: number; files: number }> {
    let bytes = 0;
    const names = await readdir(this.#folder);
    for (const name of names)
      bytes += (await stat(join(this.#folder, name)).catch(() => undefined))?.size ?? 0;
    return { bytes, files: names.length };
  }
}

export function sha256(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
