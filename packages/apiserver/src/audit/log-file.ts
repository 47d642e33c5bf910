/**
 * Audit events as lines of a file, which begins anew when it is large enough. Writes happen behind the requests: what
 * waits is bounded, and what comes when that is full is dropped and counted, so that a slow or full disk stalls nobody.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { WaitingLines } from './waiting-lines.ts';

export interface LogFileOptions {
  /** `-` is standard output. */
  readonly path: string;
  /** The file begins anew beyond this size. */
  readonly maxBytes: number;
  /** Old files kept; 0 keeps all. */
  readonly maxBackups: number;
  /** 0 keeps them for ever. */
  readonly maxAgeDays: number;
  /** Events that wait at most. */
  readonly bufferSize: number;
  /** Told of what was lost; of no events when old files could not be removed. */
  readonly onError: (plugin: 'log' | 'buffered', events: number, error: unknown) => void;
}

const dayMs = 86_400_000;
const batch = 1_000;

export class AuditLogFile {
  readonly #options: LogFileOptions;
  readonly #waiting: WaitingLines;
  #running: Promise<void> | undefined;
  #stream: WriteStream | undefined;
  #size = 0;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#waiting = new WaitingLines(options.bufferSize);
  }

  write(line: string): void {
    if (this.#waiting.add(line)) this.#run();
    else this.#options.onError('buffered', 1, new Error('audit buffer queue blocked'));
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      // What came after the last look, and before this was noted, has started nothing.
      if (this.#waiting.length > 0) this.#run();
    });
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await new Promise<void>((resolve) => {
      if (this.#stream === undefined) resolve();
      else this.#stream.end(resolve);
    });
    this.#stream = undefined;
  }

  async #drain(): Promise<void> {
    // Those that come in the same turn share a write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.take(batch);
      try {
        await this.#append(`${lines.join('\n')}\n`);
      } catch (error) {
        this.#stream?.destroy();
        this.#stream = undefined;
        this.#options.onError('log', lines.length, error);
      }
    }
  }

  async #append(text: string): Promise<void> {
    const { path, maxBytes } = this.#options;
    if (path === '-') {
      // Who reads slowly is waited for, as a slow disk is: else what the buffer may not hold would be held behind it.
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)));
      });
      return;
    }
    const bytes = Buffer.byteLength(text);
    this.#stream ??= await this.#open();
    if (this.#size > 0 && this.#size + bytes > maxBytes) await this.#rotate();
    this.#stream ??= await this.#open();
    this.#size += bytes;
    const stream = this.#stream;
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error == null ? resolve() : reject(error)));
    });
  }

  async #open(): Promise<WriteStream> {
    const { path } = this.#options;
    this.#size = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // Each write hears of it as well.
    stream.on('error', () => undefined);
    return stream;
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    await new Promise<void>((resolve) => this.#stream?.end(resolve));
    this.#stream = undefined;
    const extension = extname(path);
    const stem = path.slice(0, path.length - extension.length);
    const time = new Date().toISOString().replaceAll(':', '-').replace('Z', '');
    await rename(path, `${stem}-${time}${extension}`);
    // What is to be written is not lost over what is to be forgotten.
    await this.#removeOld(`${basename(stem)}-`, extension).catch((error: unknown) =>
      this.#options.onError('log', 0, error),
    );
  }

  async #removeOld(prefix: string, extension: string): Promise<void> {
    const { path, maxBackups, maxAgeDays } = this.#options;
    const directory = dirname(path);
    const names = (await readdir(directory))
      .filter((name) => name.startsWith(prefix) && name.endsWith(extension))
      .filter((name) =>
        /^\d{4}-\d\d-\d\dT[\d.-]+$/.test(name.slice(prefix.length, name.length - extension.length)),
      )
      .sort();
    const surplus = maxBackups === 0 ? [] : names.slice(0, Math.max(0, names.length - maxBackups));
    const remove = new Set(surplus);
    if (maxAgeDays > 0)
      for (const name of names) {
        const { mtimeMs } = await stat(join(directory, name));
        if (Date.now() - mtimeMs > maxAgeDays * dayMs) remove.add(name);
      }
    for (const name of remove) await rm(join(directory, name), { force: true });
  }
}
