/**
 * Brings images from a file: an OCI image layout, as a tar archive (plain, gzip or zstd) or as a folder, or a docker
 * archive. The images' names come from the annotations that `skopeo`, `ctr` and `docker save` write.
 */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { storeEntry, walkArchive, wholeEntry } from './archive.ts';
import { importDockerArchive } from './docker-archive.ts';
import type { Images, ImageRecord } from './images.ts';
import { choosePlatform, type IndexEntry, parseIndexOrManifest } from './manifest.ts';
import { type ImageReference, parseReference } from './reference.ts';

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

/** The archive's index. Blobs are stored on the way; a docker archive is made into what an index would name. */
async function readArchive(images: Images, path: string): Promise<Buffer> {
  let index: Buffer | undefined;
  let docker: Buffer | undefined;
  await walkArchive(path, async ({ name, size, content }) => {
    const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name);
    if (blob !== null) await storeEntry(images, `sha256:${blob[1]}`, size, content);
    else if (name === 'index.json') index = await wholeEntry(name, size, content);
    else if (name === 'manifest.json') docker = await wholeEntry(name, size, content);
  });
  if (index !== undefined) return index;
  if (docker === undefined) throw notLayout(path, 'it has neither an index.json nor a manifest.json');
  return await importDockerArchive(images, path, docker);
}

function notLayout(path: string, why: string): CriError {
  return new CriError(criStatus.INVALID_ARGUMENT, `${path} is no image archive: ${why}`);
}
