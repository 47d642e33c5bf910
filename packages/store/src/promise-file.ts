/**
 * The file that remembers how long this member's promises may be: `promise` in the data directory, one line of
 * milliseconds and its checksum. Replaced as a whole, so a crash leaves the old one or the new one.
 */
import { readFileSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from './crc32c.ts';
import { PromiseCover } from './promise-cover.ts';

const name = 'promise';

function line(ms: number): string {
  return `${ms} ${crc32c(Buffer.from(String(ms))).toString(16)}\n`;
}

/** Remembers one number, in milliseconds. */
export interface PromiseRecord {
  /** Undefined when there is no record that can be trusted. */
  read(): number | undefined;
  /** Resolves once a crash cannot undo it. */
  write(ms: number): Promise<void>;
}

export function folderPromises(dataDir: string): PromiseRecord {
  return { read: () => readPromiseFile(dataDir), write: (ms) => writePromiseFile(dataDir, ms) };
}

export interface PromisesBefore {
  /** Nothing was ever promised from this data directory. */
  readonly fresh: boolean;
  /** The promise of a quiet machine, and one that is never exceeded, in milliseconds. */
  readonly usualMs: number;
  readonly ceilingMs: number;
}

/** Resolves with the cover of this life's promises, and with the bound of the promises of earlier lives. */
export async function openPromiseCover(
  file: PromiseRecord,
  { fresh, usualMs, ceilingMs }: PromisesBefore,
): Promise<{ cover: PromiseCover; earlierMs: number }> {
  const earlierMs = file.read() ?? (fresh ? 0 : ceilingMs);
  const recordedMs = Math.max(earlierMs, usualMs);
  if (recordedMs > earlierMs) await file.write(recordedMs);
  const cover = new PromiseCover({
    recordedMs,
    record: (ms, done) =>
      void file.write(ms).then(
        () => done(),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      ),
  });
  return { cover, earlierMs };
}

/** What was recorded, or undefined when there is no record that can be trusted. */
export function readPromiseFile(dataDir: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const ms = Number.parseInt(text, 10);
  return Number.isSafeInteger(ms) && ms >= 0 && line(ms) === text ? ms : undefined;
}

/** Resolves once a crash cannot undo it. */
export async function writePromiseFile(dataDir: string, ms: number): Promise<void> {
  const path = join(dataDir, name);
  await closing(await open(`${path}.new`, 'w', 0o600), async (file) => {
    await file.writeFile(line(ms));
    await file.sync();
  });
  await rename(`${path}.new`, path);
  await closing(await open(dataDir, 'r'), (folder) => folder.sync());
}

async function closing(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
