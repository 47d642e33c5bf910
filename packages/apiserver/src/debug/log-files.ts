/**
 * The files of a folder, as upstream shows `/var/log` below `/logs/`: lists of folders, and files as they are. Nothing
 * outside of the folder is shown, wherever a link points to.
 */
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { pathNotFound, StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';

/** Names that are listed of one folder. */
const maxNames = 10_000;
const chunkBytes = 256 * 1024;

/** Answers for a path below `/logs/`, decoded. Throws 404 for what is not there, and for what is no file. */
export async function answerLogFile(exchange: Exchange, folder: string, path: string): Promise<void> {
  const found = await insideOf(folder, path);
  const info = await stat(found).catch(() => undefined);
  if (info?.isDirectory() === true) {
    await exchange.send(200, 'text/html; charset=utf-8', await listing(found));
    return;
  }
  // Of a pipe or a device there may be no end.
  if (info?.isFile() !== true) throw new StatusError(pathNotFound());
  const file = await open(found).catch(() => undefined);
  if (file === undefined) throw new StatusError(pathNotFound());
  try {
    await sendFile(exchange, file, info.size);
  } finally {
    await file.close();
  }
}

async function insideOf(folder: string, path: string): Promise<string> {
  const root = await realpath(folder).catch(() => undefined);
  const found = path.includes('\0') ? undefined : await realpath(join(folder, path)).catch(() => undefined);
  if (root === undefined || found === undefined) throw new StatusError(pathNotFound());
  const isInside = found === root || found.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
  if (!isInside) throw new StatusError(pathNotFound());
  return found;
}

async function listing(folder: string): Promise<string> {
  const entries = (await readdir(folder, { withFileTypes: true })).slice(0, maxNames);
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const lines = names.map((name) => {
    const target = name.split('/').map(encodeURIComponent).join('/');
    const text = name.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
    return `<a href="${target}">${text}</a>\n`;
  });
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`;
}

/** As much as there was at the beginning: a file that grows would have no end. */
async function sendFile(exchange: Exchange, file: FileHandle, size: number): Promise<void> {
  exchange.startStream(200, 'text/plain; charset=utf-8', { 'x-content-type-options': 'nosniff' });
  const last = exchange.method === 'HEAD' ? 0 : size;
  for (let sent = 0; sent < last && !exchange.signal.aborted;) {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, last - sent));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, sent);
    // It may have been cut short meanwhile.
    if (bytesRead === 0) break;
    sent += bytesRead;
    if (!exchange.response.write(buffer.subarray(0, bytesRead))) await exchange.drained();
  }
  exchange.response.end();
}
