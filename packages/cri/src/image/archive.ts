/** Reads tar archives of images front to back: plain, gzip or zstd. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { extract } from 'tar-stream';
import type { Images } from './images.ts';

const maxDocumentBytes = 4 * 1024 * 1024;

export interface ArchiveEntry {
  /** Without a leading `./`. */
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Buffer>;
}

/** Calls `visit` for each file of the archive, in turn; what it does not read is skipped. */
export async function walkArchive(
  path: string,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const tar = extract();
  const flow = feed(path, tar);
  flow.catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  for await (const entry of tar) {
    const { name, size, type } = entry.header;
    // The types of tar-stream do not say that its entries are what they are: readable streams of buffers.
    const content = entry as unknown as AsyncIterable<Buffer>;
    if (type === 'file') await visit({ name: name.replace(/^\.\//, ''), size, content });
    entry.resume();
  }
  await flow;
}

/** Stores an entry as the blob with this digest. */
export async function storeEntry(
  images: Images,
  digest: string,
  size: number,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  await images.blobs.fetch({ mediaType: '', digest, size }, once(content), new AbortController().signal);
}

/** The bytes of a small entry. */
export async function wholeEntry(
  name: string,
  size: number,
  content: AsyncIterable<Buffer>,
): Promise<Buffer> {
  if (size > maxDocumentBytes)
    throw new CriError(criStatus.INVALID_ARGUMENT, `the archive's ${name} is too large: ${size} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** An archive is read once, front to back: there is no second attempt. */
function once(entry: AsyncIterable<Buffer>): (offset: number) => Promise<AsyncIterable<Buffer>> {
  return async (offset) => {
    if (offset > 0) throw new CriError(criStatus.DATA_LOSS, 'the archive is cut short');
    return entry;
  };
}

async function feed(path: string, tar: NodeJS.WritableStream): Promise<void> {
  const head = createReadStream(path, { end: 3 });
  const magic: Buffer[] = [];
  for await (const chunk of head) magic.push(chunk as Buffer);
  const start = Buffer.concat(magic);
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (start.length >= 2 && start.readUInt16BE(0) === 0x1f8b) await pipeline(file, createGunzip(), tar);
  else if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528) {
    await pipeline(file, createZstdDecompress(), tar);
  } else await pipeline(file, tar);
}
