/**
 * What `docker save` and `skopeo` write as a docker archive: a `manifest.json` that names a config and layer files for
 * each image. Layers are plain tar files, so the config's `diff_ids` are their digests; files that several layers share
 * may be links. In: that manifest, and the archive to read again. Out: blobs, and an index such as an OCI layout has.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';
import { walkArchive, storeEntry, wholeEntry } from './archive.ts';
import { sha256 } from './blobs.ts';
import type { Images } from './images.ts';
import { parseImageConfig } from './manifest.ts';

interface DockerImage {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

const maxImages = 1_000;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

export async function importDockerArchive(images: Images, path: string, manifest: Buffer): Promise<Buffer> {
  const listed = parseImages(manifest, path);
  const configs = new Map<string, Buffer>();
  const wanted = new Set(listed.map(({ Config }) => Config));
  await walkArchive(path, async ({ name, size, content }) => {
    if (wanted.has(name)) configs.set(name, await wholeEntry(name, size, content));
  });
  const digests = new Map<string, string>();
  for (const { Config, Layers } of listed) {
    const diffIds = parseImageConfig(configOf(configs, Config, path)).rootfs.diff_ids;
    if (diffIds.length !== Layers.length)
      throw unusable(path, `${Config} has ${diffIds.length} diff_ids for ${Layers.length} layers`);
    Layers.forEach((layer, i) => digests.set(layer, diffIds[i] ?? ''));
  }
  const sizes = new Map<string, number>();
  await walkArchive(path, async ({ name, size, content }) => {
    const digest = digests.get(name);
    if (digest === undefined) return;
    await storeEntry(images, digest, size, content);
    sizes.set(digest, size);
  });
  const entries: object[] = [];
  for (const { Config, RepoTags, Layers } of listed) {
    const config = configOf(configs, Config, path);
    await images.blobs.put({ mediaType: '', digest: sha256(config), size: config.length }, config);
    const content = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: sha256(config),
          size: config.length,
        },
        layers: Layers.map((layer) => {
          const digest = digests.get(layer) ?? '';
          return {
            mediaType: 'application/vnd.oci.image.layer.v1.tar',
            digest,
            size: sizes.get(digest) ?? 0,
          };
        }),
      }),
    );
    const made = { mediaType: manifestType, digest: sha256(content), size: content.length };
    await images.blobs.put(made, content);
    const names = RepoTags?.length ? RepoTags : [undefined];
    for (const name of names)
      entries.push({
        ...made,
        ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
      });
  }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: entries }));
}

function configOf(configs: ReadonlyMap<string, Buffer>, name: string, path: string): Buffer {
  const config = configs.get(name);
  if (config === undefined) throw unusable(path, `it lacks the config ${name}`);
  return config;
}

function parseImages(manifest: Buffer, path: string): readonly DockerImage[] {
  let value: unknown;
  try {
    value = JSON.parse(manifest.toString());
  } catch (error) {
    throw unusable(path, `its manifest.json is no JSON: ${String(error)}`);
  }
  if (!Array.isArray(value) || value.length === 0 || value.length > maxImages || !value.every(isImage))
    throw unusable(path, 'its manifest.json is no list of images');
  return value;
}

function isImage(value: unknown): value is DockerImage {
  const { Config, RepoTags, Layers } = (value ?? {}) as Partial<Record<keyof DockerImage, unknown>>;
  const isTexts = (list: unknown): boolean =>
    Array.isArray(list) && list.every((item) => typeof item === 'string');
  return (
    typeof Config === 'string' &&
    isTexts(Layers) &&
    (RepoTags === undefined || RepoTags === null || isTexts(RepoTags))
  );
}

function unusable(path: string, why: string): CriError {
  return new CriError(criStatus.INVALID_ARGUMENT, `${path} is no usable docker archive: ${why}`);
}
