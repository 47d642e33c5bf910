/**
 * Reads container logs in CRI form (`TIME STREAM FLAG CONTENT`, one a line; flag P marks a part of a longer line),
 * rotated files included, and follows them as they grow.
 *
 * In: the path of the current file and what the client wants. Out: chunks of plain log bytes.
 */
import { watch } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';

export interface LogOptions {
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
  readonly follow?: boolean;
  readonly stream?: 'stdout' | 'stderr';
}

const chunkBytes = 64 * 1024;
const maxLineBytes = 1024 * 1024;
const recheckMs = 1_000;

/** Ends at the end of the log, or when following, once `running()` is false and everything was read. */
export async function* readLog(
  path: string,
  options: LogOptions,
  running: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const format = new LineFormatter(options);
  const emit = function* (line: Buffer): Iterable<Buffer> {
    const bytes = format.format(line);
    if (bytes === undefined) return;
    const part = bytes.length > left ? bytes.subarray(0, left) : bytes;
    left -= part.length;
    yield part;
  };
  const files = [...(await rotatedFiles(path)), path];
  const start = options.tailLines === undefined ? undefined : await tailStart(files, options);
  for (const [index, file] of files.entries()) {
    const current = file === path;
    if (start !== undefined && index < start.file) continue;
    if (file.endsWith('.gz')) {
      const lines = splitLines(gunzipSync(await readFile(file)));
      for (const line of lines.slice(start?.file === index ? start.line : 0)) yield* emit(line);
      if (left <= 0) return;
      continue;
    }
    let skip = start?.file === index ? start.line : 0;
    const source = current && options.follow === true ? followFile(file, running, signal) : linesOf(file);
    for await (const line of source) {
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      yield* emit(line);
      if (left <= 0 || signal.aborted) return;
    }
  }
}

class LineFormatter {
  readonly #options: LogOptions;
  readonly #partial = new Set<string>();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** The bytes a client sees of one line; undefined when the line is not wanted. */
  format(line: Buffer): Buffer | undefined {
    const first = line.indexOf(0x20);
    const second = line.indexOf(0x20, first + 1);
    const third = line.indexOf(0x20, second + 1);
    if (first < 0 || second < 0 || third < 0) return undefined;
    const stream = line.toString('latin1', first + 1, second);
    if (this.#options.stream !== undefined && stream !== this.#options.stream) return undefined;
    const time = line.toString('latin1', 0, first);
    if (this.#options.sinceMs !== undefined && Date.parse(time) < this.#options.sinceMs) return undefined;
    const partial = line.toString('latin1', second + 1, third).split(':')[0] === 'P';
    const content = line.subarray(third + 1);
    const continued = this.#partial.has(stream);
    if (partial) this.#partial.add(stream);
    else this.#partial.delete(stream);
    const parts: Buffer[] = [];
    // Runtimes write either form of UTC; clients get the one that upstream's kubelet sends.
    if (this.#options.timestamps === true && !continued)
      parts.push(Buffer.from(`${time.replace(/\+00:00$/, 'Z')} `));
    parts.push(content);
    if (!partial) parts.push(newline);
    return Buffer.concat(parts);
  }
}

const newline = Buffer.from('\n');

/** `0.log.20260102-150405` and so on, oldest first. */
async function rotatedFiles(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const entries = await readdir(dirname(path)).catch(() => []);
  return entries
    .filter((entry) => entry.startsWith(prefix) && !entry.endsWith('.tmp'))
    .sort()
    .map((entry) => join(dirname(path), entry));
}

/** Where the last lines begin. Walks the files from the newest and counts whole lines only. */
async function tailStart(
  files: readonly string[],
  options: LogOptions,
): Promise<{ readonly file: number; readonly line: number }> {
  let missing = options.tailLines ?? 0;
  const format = new LineFormatter({ ...options, timestamps: false });
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index] ?? '';
    // Line numbers at which a whole line begins; only the last ones are kept.
    let starts: number[] = [];
    let number = 0;
    let begins = true;
    const source = file.endsWith('.gz') ? splitLines(gunzipSync(await readFile(file))) : linesOf(file);
    for await (const line of source) {
      const bytes = format.format(line);
      if (bytes !== undefined) {
        if (begins) starts.push(number);
        if (starts.length > 2 * missing + 1024) starts = starts.slice(-missing - 1);
        begins = bytes.at(-1) === 0x0a;
      }
      number += 1;
    }
    if (missing === 0) return { file: index, line: number };
    if (starts.length >= missing) return { file: index, line: starts.at(-missing) ?? 0 };
    missing -= starts.length;
  }
  return { file: 0, line: 0 };
}

function splitLines(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let begin = 0;
  for (let end = content.indexOf(0x0a); end >= 0; end = content.indexOf(0x0a, begin)) {
    lines.push(content.subarray(begin, end));
    begin = end + 1;
  }
  return lines;
}

async function* linesOf(path: string): AsyncIterable<Buffer> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return;
  try {
    const reader = new LineReader(file);
    for (let lines = await reader.next(); lines.length > 0; lines = await reader.next()) yield* lines;
  } finally {
    await file.close();
  }
}

class LineReader {
  readonly #file: FileHandle;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The next whole lines; none at the end of what is there now. */
  async next(): Promise<Buffer[]> {
    for (;;) {
      const buffer = Buffer.alloc(chunkBytes);
      const { bytesRead } = await this.#file.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return [];
      const all = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      const end = all.lastIndexOf(0x0a) + 1;
      this.#rest = all.subarray(end);
      if (this.#rest.length > maxLineBytes) this.#rest = Buffer.alloc(0);
      if (end > 0) return splitLines(all.subarray(0, end));
    }
  }
}

async function* followFile(
  path: string,
  running: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  let file = await open(path, 'r').catch(() => undefined);
  let wake = (): void => undefined;
  const watcher = watch(dirname(path), () => wake());
  watcher.on('error', () => undefined);
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    let reader = file === undefined ? undefined : new LineReader(file);
    while (!signal.aborted) {
      const lines = (await reader?.next()) ?? [];
      yield* lines;
      if (lines.length > 0) continue;
      const alive = await running();
      const rest = (await reader?.next()) ?? [];
      yield* rest;
      if (rest.length > 0) continue;
      // After a rotation the name leads to another file.
      const now = await stat(path).catch(() => undefined);
      const ours = await file?.stat();
      if (now !== undefined && now.ino !== ours?.ino) {
        await file?.close();
        file = await open(path, 'r');
        reader = new LineReader(file);
        continue;
      }
      if (!alive) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, recheckMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    watcher.close();
    await file?.close();
  }
}
