/**
 * What registries and archives describe images with: an index (or manifest list) names one manifest per platform,
 * a manifest names a config and the layers, the config says how to run it. Docker's and OCI's forms differ only in
 * media types.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { Descriptor } from './blobs.ts';

export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

export interface IndexEntry extends Descriptor {
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The parts of an image's config that matter to running it. */
export interface ImageConfig {
  readonly architecture?: string;
  readonly os?: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly config?: {
    readonly User?: string;
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
}

const maxLayers = 127;

export function parseIndexOrManifest(
  content: Buffer,
): { readonly index: readonly IndexEntry[] } | { readonly manifest: ImageManifest } {
  const json = parseObject(content, 'manifest') as {
    schemaVersion?: number;
    manifests?: IndexEntry[];
    config?: Descriptor;
    layers?: Descriptor[];
  };
  if (Array.isArray(json.manifests)) return { index: json.manifests };
  if (json.schemaVersion === 2 && json.config !== undefined && Array.isArray(json.layers)) {
    if (json.layers.length > maxLayers)
      throw unusable(`${json.layers.length} layers are more than ${maxLayers}`);
    return { manifest: { config: json.config, layers: json.layers } };
  }
  throw unusable('neither an image index nor an image manifest of schema 2');
}

export function parseImageConfig(content: Buffer): ImageConfig {
  const json = parseObject(content, 'image config') as Partial<ImageConfig>;
  if (!Array.isArray(json.rootfs?.diff_ids)) throw unusable('the image config has no rootfs.diff_ids');
  return json as ImageConfig;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' };

/** Chooses this machine's manifest. Entries without a platform count as a match of last resort. */
export function choosePlatform(
  index: readonly IndexEntry[],
  architecture = architectures[process.arch] ?? process.arch,
): IndexEntry {
  const match =
    index.find((entry) => entry.platform?.os === 'linux' && entry.platform.architecture === architecture) ??
    index.find((entry) => entry.platform === undefined);
  if (match !== undefined) return match;
  const offered = index.map((entry) => `${entry.platform?.os ?? '?'}/${entry.platform?.architecture ?? '?'}`);
  throw new CriError(
    criStatus.NOT_FOUND,
    `no image for linux/${architecture}; there is ${offered.join(', ')}`,
  );
}

function parseObject(content: Buffer, what: string): object {
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch (error) {
    throw unusable(`the ${what} is not JSON`, error);
  }
  if (typeof value !== 'object' || value === null) throw unusable(`the ${what} is not a JSON object`);
  return value;
}

function unusable(why: string, cause?: unknown): CriError {
  return new CriError(criStatus.FAILED_PRECONDITION, `unusable image: ${why}`, { cause });
}
