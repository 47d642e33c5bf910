/**
 * The images of this host: which names and digests point to which content, and their unpacked layers.
 *
 * In: manifests and blobs that `pull` and `import` brought. Out: records, and the folders an overlay is mounted from.
 * `images.json` is replaced atomically and written after everything it mentions, so a crash leaves garbage at worst,
 * which `collect` removes. An image's ID is its config's digest. Layers are kept by chain ID (the digest over all
 * layers up to that one), so images share them.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { type BlobStore, sha256 } from './blobs.ts';
import { unpackLayer } from './layer.ts';
import { type ImageConfig, type ImageManifest, parseImageConfig } from './manifest.ts';
import { digestName, type ImageReference, parseReference, taggedName } from './reference.ts';

export interface ImageRecord {
  /** Digest of the config. */
  readonly id: string;
  /** Full names with a tag. */
  readonly tags: readonly string[];
  /** Full names with a digest. */
  readonly digests: readonly string[];
  readonly manifestDigest: string;
  readonly config: ImageConfig;
  readonly manifest: ImageManifest;
  /** Chain IDs, lowest layer first. */
  readonly chain: readonly string[];
  /** Bytes of the compressed layers and the config. */
  readonly size: number;
}

export class Images {
  readonly #root: string;
  readonly blobs: BlobStore;
  readonly #records = new Map<string, ImageRecord>();
  readonly #unpacking = new Map<string, Promise<void>>();
  /** Fetches under way: their blobs are not in any record yet and must not be collected. */
  #busy = 0;
  #saving: Promise<void> = Promise.resolve();

  constructor(root: string, blobs: BlobStore) {
    this.#root = root;
    this.blobs = blobs;
  }

  async load(): Promise<void> {
    await this.blobs.prepare();
    await mkdir(join(this.#root, 'layers'), { recursive: true });
    try {
      const text = await readFile(join(this.#root, 'images.json'), 'utf8');
      for (const record of JSON.parse(text) as ImageRecord[]) this.#records.set(record.id, record);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await this.collect();
  }

  list(): ImageRecord[] {
    return [...this.#records.values()];
  }

  /** Finds an image by ID (or at least 8 digits of it), tag or digest name. */
  find(name: string): ImageRecord | undefined {
    if (name === '') return undefined;
    const hex = name.replace(/^sha256:/, '');
    const byId = this.#records.get(`sha256:${hex}`);
    if (byId !== undefined) return byId;
    if (/^[0-9a-f]{8,64}$/.test(hex)) {
      const matches = this.list().filter((record) => record.id.startsWith(`sha256:${hex}`));
      if (matches.length === 1) return matches[0];
    }
    let reference: ImageReference;
    try {
      reference = parseReference(name);
    } catch {
      return undefined;
    }
    const tag = taggedName(reference);
    const digest = reference.digest === undefined ? undefined : digestName(reference, reference.digest);
    return this.list().find((record) =>
      digest !== undefined ? record.digests.includes(digest) : tag !== undefined && record.tags.includes(tag),
    );
  }

  /**
   * Runs something that brings blobs before it records them; nothing is collected meanwhile. What a failure leaves is
   * kept for the next attempt, unless the disk is full: then the room is worth more.
   */
  async bringing<T>(run: () => Promise<T>): Promise<T> {
    let full = false;
    this.#busy += 1;
    try {
      return await run();
    } catch (error) {
      full = error instanceof Error && /no space left|ENOSPC|EDQUOT/.test(error.message);
      throw error;
    } finally {
      this.#busy -= 1;
      if (full) await this.collect();
    }
  }

  /** Records a manifest whose blobs are all here, under a name, unpacking what is not unpacked yet. */
  async add(
    manifest: ImageManifest,
    manifestDigest: string,
    reference: ImageReference | undefined,
  ): Promise<ImageRecord> {
    const config = parseImageConfig(await this.blobs.read(manifest.config.digest));
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== manifest.layers.length) {
      throw new CriError(
        criStatus.FAILED_PRECONDITION,
        `unusable image: ${manifest.layers.length} layers but ${diffIds.length} diff_ids`,
      );
    }
    const chain = chainIds(diffIds);
    for (const [i, layer] of manifest.layers.entries()) {
      await this.#unpack(layer.digest, diffIds[i] ?? '', chain.slice(0, i + 1));
    }
    const tag = reference === undefined ? undefined : taggedName(reference);
    const old = this.#records.get(manifest.config.digest);
    const tags = new Set(old?.tags);
    const digests = new Set(old?.digests);
    if (tag !== undefined) tags.add(tag);
    if (reference !== undefined) digests.add(digestName(reference, manifestDigest));
    if (reference?.digest !== undefined) digests.add(digestName(reference, reference.digest));
    const record: ImageRecord = {
      id: manifest.config.digest,
      tags: [...tags],
      digests: [...digests],
      manifestDigest,
      config,
      manifest,
      chain,
      size: manifest.layers.reduce((sum, layer) => sum + layer.size, manifest.config.size),
    };
    // A tag has moved: the image it pointed to keeps only its other names.
    for (const other of this.#records.values()) {
      if (other.id !== record.id && tag !== undefined && other.tags.includes(tag)) {
        this.#records.set(other.id, { ...other, tags: other.tags.filter((name) => name !== tag) });
      }
    }
    this.#records.set(record.id, record);
    await this.#save();
    return record;
  }

  /** Removes an image with all its names; content that nothing else needs goes too. `false` when there is none. */
  async remove(name: string, inUse: (imageId: string) => boolean): Promise<boolean> {
    const record = this.find(name);
    if (record === undefined) return false;
    if (inUse(record.id)) {
      throw new CriError(
        criStatus.FAILED_PRECONDITION,
        `image ${name} is used by a container; remove that first`,
      );
    }
    this.#records.delete(record.id);
    await this.#save();
    await this.collect();
    return true;
  }

  /** Folders for an overlay, topmost first. */
  layerFolders(record: ImageRecord): string[] {
    return record.chain.map((id) => this.#layerFolder(id)).reverse();
  }

  #layerFolder(chainId: string): string {
    // Short, because the kernel limits the text of all layers of a mount together to a page.
    return join(this.#root, 'layers', chainId.slice('sha256:'.length, 'sha256:'.length + 24));
  }

  async #unpack(blob: string, diffId: string, chain: readonly string[]): Promise<void> {
    const chainId = chain.at(-1) ?? '';
    const folder = this.#layerFolder(chainId);
    if (existsSync(folder)) return;
    let running = this.#unpacking.get(chainId);
    if (running === undefined) {
      running = this.#unpackInto(folder, blob, diffId, chain).finally(() => this.#unpacking.delete(chainId));
      this.#unpacking.set(chainId, running);
    }
    await running;
  }

  async #unpackInto(folder: string, blob: string, diffId: string, chain: readonly string[]): Promise<void> {
    const temporary = `${folder}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o755 });
    try {
      const lower = chain
        .slice(0, -1)
        .map((id) => this.#layerFolder(id))
        .reverse();
      const found = await unpackLayer(this.blobs.stream(blob), temporary, lower);
      if (found.diffId !== diffId) {
        throw new CriError(
          criStatus.DATA_LOSS,
          `layer ${blob} unpacks to ${found.diffId} instead of ${diffId}`,
        );
      }
      await rename(temporary, folder);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  /** Removes blobs and layers that no image needs. Does nothing while images are being brought. */
  async collect(): Promise<void> {
    if (this.#busy > 0) return;
    const blobs = new Set<string>();
    const layers = new Set<string>();
    for (const record of this.#records.values()) {
      blobs.add(record.manifestDigest).add(record.manifest.config.digest);
      for (const layer of record.manifest.layers) blobs.add(layer.digest);
      for (const id of record.chain) layers.add(this.#layerFolder(id));
    }
    await this.blobs.collect(blobs);
    for (const name of await readdir(join(this.#root, 'layers'))) {
      const folder = join(this.#root, 'layers', name);
      const fresh = [...this.#unpacking.keys()].some((id) => folder.startsWith(this.#layerFolder(id)));
      if (!layers.has(folder) && !fresh) await rm(folder, { recursive: true, force: true });
    }
  }

  #save(): Promise<void> {
    const next = this.#saving.then(async () => {
      const file = join(this.#root, 'images.json');
      await writeFile(`${file}.new`, JSON.stringify(this.list()), { flush: true });
      await rename(`${file}.new`, file);
    });
    this.#saving = next.catch(() => undefined);
    return next;
  }
}

/** Chain IDs by the OCI image specification: the first is the diff ID, each next hashes `previous SPACE diff ID`. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const previous = chain.at(-1);
    chain.push(previous === undefined ? diffId : sha256(Buffer.from(`${previous} ${diffId}`)));
  }
  return chain;
}
