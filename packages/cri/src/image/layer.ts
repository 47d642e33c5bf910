/**
 * Unpacks one layer (a tar stream, plain, gzip or zstd) into a folder that overlayfs can take as a lower layer.
 *
 * Deletions become overlayfs's own marks: a `.wh.NAME` entry a 0:0 character device, `.wh..wh..opq` an attribute.
 * No entry can be written outside the folder: every parent is resolved inside it, and hard links too. A hard link to
 * a file of an earlier layer becomes a copy. What an unprivileged caller may not set (owners, devices, attributes)
 * fails, except extended attributes, which file systems may lack.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { fileType, mknod, setAttribute } from '@timonier/linux/libc';
import { extract, type Header } from 'tar-stream';
import { scopedPath } from './scoped-path.ts';

export interface UnpackedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  readonly bytes: number;
  readonly files: number;
}

/** Unpacks `source` into `folder`. `lower` are the folders of earlier layers, topmost first. */
export async function unpackLayer(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  lower: readonly string[] = [],
): Promise<UnpackedLayer> {
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const unpacker = new Unpacker(folder, lower);
  const tar = extract();
  const input = Readable.from(source, { objectMode: false });
  const first = (await peek(input)) ?? Buffer.alloc(0);
  const decompress = decompressor(first);
  const flow = decompress === undefined ? pipeline(input, tap, tar) : pipeline(input, decompress, tap, tar);
  // The loop below sees the same failure first; without a handler the second report would end the process.
  flow.catch(() => undefined);
  try {
    for await (const entry of tar) {
      unpacker.begin(entry.header);
      for await (const chunk of entry) unpacker.write(chunk as Buffer);
      unpacker.end();
    }
    await flow;
  } catch (error) {
    input.destroy();
    if (error instanceof CriError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CriError(criStatus.DATA_LOSS, `cannot unpack a layer: ${why}`, { cause: error });
  } finally {
    unpacker.close();
  }
  unpacker.finishFolders();
  return { diffId: `sha256:${hash.digest('hex')}`, bytes: unpacker.bytes, files: unpacker.files };
}

async function peek(input: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = input.read() as Buffer | null;
    if (chunk !== null) {
      input.unshift(chunk);
      return chunk;
    }
    if (input.readableEnded || input.destroyed) return undefined;
    await new Promise<void>((resolve, reject) => {
      input.once('readable', resolve);
      input.once('end', resolve);
      input.once('error', reject);
    });
  }
}

/** The content decides, as media types are often wrong. */
function decompressor(first: Buffer): Transform | undefined {
  if (first.length >= 2 && first.readUInt16BE(0) === 0x1f8b) return createGunzip();
  if (first.length >= 4 && first.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress();
  return undefined;
}

const whiteout = '.wh.';
const opaqueMark = '.wh..wh..opq';
const attributePrefix = 'SCHILY.xattr.';

class Unpacker {
  readonly #root: string;
  readonly #lower: readonly string[];
  readonly #folderTimes = new Map<string, Date>();
  #open: { fd: number; path: string; header: Header } | undefined;
  bytes = 0;
  files = 0;

  constructor(root: string, lower: readonly string[]) {
    this.#root = root;
    this.#lower = lower;
  }

  begin(header: Header): void {
    const name = header.name.replace(/\/+$/, '');
    const base = name.slice(name.lastIndexOf('/') + 1);
    const parent = this.#parent(dirname(name));
    if (base === opaqueMark) {
      setAttribute(parent, 'trusted.overlay.opaque', Buffer.from('y'));
      return;
    }
    if (base.startsWith(`${whiteout}${whiteout}`)) return;
    if (base.startsWith(whiteout)) {
      const hidden = join(parent, safeBase(base.slice(whiteout.length), name));
      if (!existsSync(hidden)) mknod(hidden, fileType.character | 0o600);
      return;
    }
    if (base === '' || base === '.' || base === '..') {
      if (header.type === 'directory' && scopedPath(this.#root, name, { followLast: false }) === this.#root) {
        this.#describe(this.#root, header);
      }
      return;
    }
    this.files += 1;
    this.#create(join(parent, base), header);
  }

  #create(path: string, header: Header): void {
    const mode = (header.mode ?? 0o644) & 0o7777;
    if (header.type !== 'directory' || !isFolder(path)) rmSync(path, { recursive: true, force: true });
    switch (header.type) {
      case 'directory':
        if (!isFolder(path)) mkdirSync(path);
        this.#describe(path, header);
        break;
      case 'file':
      case 'contiguous-file':
        this.#open = { fd: openSync(path, 'wx', mode), path, header };
        break;
      case 'symlink':
        symlinkSync(header.linkname ?? '', path);
        this.#describe(path, header);
        break;
      case 'link':
        this.#hardLink(path, header);
        break;
      case 'fifo':
        mknod(path, fileType.fifo | mode);
        this.#describe(path, header);
        break;
      case 'character-device':
      case 'block-device': {
        const type = header.type === 'block-device' ? fileType.block : fileType.character;
        mknod(path, type | mode, header.devmajor ?? 0, header.devminor ?? 0);
        this.#describe(path, header);
        break;
      }
      default:
        throw new CriError(criStatus.DATA_LOSS, `layer entry "${header.name}" has an unknown type`);
    }
  }

  #hardLink(path: string, header: Header): void {
    const target = header.linkname ?? '';
    const here = scopedPath(this.#root, target, { followLast: false });
    if (existsSync(here)) {
      linkSync(here, path);
      return;
    }
    for (const folder of this.#lower) {
      const earlier = scopedPath(folder, target, { followLast: false });
      if (!existsSync(earlier)) continue;
      copyFileSync(earlier, path);
      const { uid, gid, mode, mtime } = lstatSync(earlier);
      this.#describe(path, { ...header, uid, gid, mode: mode & 0o7777, mtime });
      return;
    }
    throw new CriError(
      criStatus.DATA_LOSS,
      `layer entry "${header.name}" links to "${target}", which is missing`,
    );
  }

  write(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#open === undefined) return;
    for (let at = 0; at < chunk.length;) at += writeSync(this.#open.fd, chunk, at);
  }

  end(): void {
    if (this.#open === undefined) return;
    const { path, header } = this.#open;
    this.close();
    this.#describe(path, header);
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  /** Times of folders last: writing into them changed them. */
  finishFolders(): void {
    for (const [path, mtime] of this.#folderTimes) if (isFolder(path)) utimesSync(path, mtime, mtime);
  }

  /** Makes missing parents; one that a file or a broken link stands in place of is replaced. */
  #parent(name: string): string {
    const path = scopedPath(this.#root, name, { followLast: true });
    if (!isFolder(path)) {
      const relative = path
        .slice(this.#root.length)
        .split('/')
        .filter((part) => part !== '');
      let folder = this.#root;
      for (const part of relative) {
        folder = join(folder, part);
        if (isFolder(folder)) continue;
        rmSync(folder, { force: true });
        mkdirSync(folder, { mode: 0o755 });
      }
    }
    return path;
  }

  #describe(path: string, header: Header): void {
    lchownSync(path, header.uid ?? 0, header.gid ?? 0);
    const mtime = header.mtime ?? new Date(0);
    if (header.type === 'symlink') {
      lutimesSync(path, mtime, mtime);
      return;
    }
    // After the owner: changing it clears the set-user-id bit.
    chmodSync(path, (header.mode ?? 0o644) & 0o7777);
    for (const [key, value] of Object.entries(header.pax ?? {})) {
      if (!key.startsWith(attributePrefix)) continue;
      const name = key.slice(attributePrefix.length);
      // An image must not forge overlayfs's own marks.
      if (name.startsWith('trusted.')) continue;
      try {
        setAttribute(path, name, Buffer.from(value, 'latin1'));
      } catch {
        // The file system has no such attributes.
      }
    }
    if (header.type === 'directory') this.#folderTimes.set(path, mtime);
    else utimesSync(path, mtime, mtime);
  }
}

function safeBase(base: string, entry: string): string {
  if (base === '' || base === '.' || base === '..' || base.includes('/')) {
    throw new CriError(criStatus.DATA_LOSS, `layer entry "${entry}" hides no file that could exist`);
  }
  return base;
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
