/**
 * Brings images from a file: an OCI image layout, as a tar archive (plain, gzip or zstd) or as a folder. The images'
 * names come from the annotations that `skopeo`, `ctr` and `docker save` write.
 */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { extract } from 'tar-stream';
import type { Images, ImageRecord } from './images.ts';
import { choosePlatform, type IndexEntry, parseIndexOrManifest } from './manifest.ts';
import { type ImageReference, parseReference } from './reference.ts';

const maxIndexBytes = 4 * 1024 * 1024;

/** Imports every image of the archive or folder at `path`. Rejects when there is none. */
export async function importImages(images: Images, path: string): Promise<ImageRecord[]> {
  return await images.bringing(async () => {
    let index: Buffer;
    try {
      index = (await stat(path)).isDirectory()
        ? await readLayout(images, path)
        : await readArchive(images, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        throw new CriError(criStatus.NOT_FOUND, `no such file: ${path}`, { cause: error });
      }
      // The file system's errors, such as a full disk, are not the archive's fault.
      if (error instanceof CriError || !(error instanceof Error) || 'code' in error) throw error;
      throw notLayout(path, error.message);
    }
    const parsed = parseIndexOrManifest(index);
    if (!('index' in parsed) || parsed.index.length === 0) throw notLayout(path, 'its index names no image');
    const records: ImageRecord[] = [];
    for (const entry of parsed.index) records.push(await addEntry(images, entry));
    return records;
  });
}

async function addEntry(images: Images, entry: IndexEntry): Promise<ImageRecord> {
  const reference = nameOf(entry);
  let content = await images.blobs.read(entry.digest);
  let parsed = parseIndexOrManifest(content);
  if ('index' in parsed) {
    content = await images.blobs.read(choosePlatform(parsed.index).digest);
    parsed = parseIndexOrManifest(content);
  }
  if ('index' in parsed)
    throw new CriError(criStatus.FAILED_PRECONDITION, 'an image index points to an index');
  for (const blob of [parsed.manifest.config, ...parsed.manifest.layers]) {
    if (!images.blobs.has(blob.digest)) {
      throw new CriError(criStatus.DATA_LOSS, `the archive lacks ${blob.digest}`);
    }
  }
  return await images.add(parsed.manifest, entry.digest, reference);
}

function nameOf(entry: IndexEntry): ImageReference | undefined {
  const names = [
    entry.annotations?.['io.containerd.image.name'],
    entry.annotations?.['org.opencontainers.image.ref.name'],
  ];
  for (const name of names) {
    // A bare tag, as some tools write, names no repository.
    if (name === undefined || !/[/:@]/.test(name)) continue;
    try {
      return parseReference(name);
    } catch {
      // Not a name we can use; the image is still found by its ID.
    }
  }
  return undefined;
}

async function readLayout(images: Images, folder: string): Promise<Buffer> {
  const blobs = join(folder, 'blobs/sha256');
  for (const hex of await readdir(blobs)) {
    const file = join(blobs, hex);
    const { size } = await stat(file);
    await images.blobs.fetch(
      { mediaType: '', digest: `sha256:${hex}`, size },
      async (offset) => createReadStream(file, { start: offset }),
      new AbortController().signal,
    );
  }
  return await readFile(join(folder, 'index.json'));
}

async function readArchive(images: Images, path: string): Promise<Buffer> {
  const tar = extract();
  const flow = feed(path, tar);
  flow.catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  let index: Buffer | undefined;
  for await (const entry of tar) {
    const name = entry.header.name.replace(/^\.\//, '');
    const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name);
    if (blob !== null && entry.header.type === 'file') {
      const digest = `sha256:${blob[1]}`;
      const size = entry.header.size ?? 0;
      await images.blobs.fetch(
        { mediaType: '', digest, size },
        once(entry as unknown as AsyncIterable<Buffer>),
        new AbortController().signal,
      );
    } else if (name === 'index.json') {
      if ((entry.header.size ?? 0) > maxIndexBytes) throw notLayout(path, 'its index is too large');
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      index = Buffer.concat(chunks);
    }
    entry.resume();
  }
  await flow;
  if (index === undefined) throw notLayout(path, 'it has no index.json');
  return index;
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

function notLayout(path: string, why: string): CriError {
  return new CriError(criStatus.INVALID_ARGUMENT, `${path} is no OCI image archive: ${why}`);
}
