/** Brings an image from a registry: mirrors first, this machine's platform, every byte verified by digest. */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { Images, ImageRecord } from './images.ts';
import { choosePlatform, parseIndexOrManifest } from './manifest.ts';
import { parseReference } from './reference.ts';
import { type Credentials, RegistryRepository } from './registry.ts';
import { type RegistryConfig, registryEndpoints } from './registry-config.ts';

const parallelLayers = 3;
const pullTimeoutMs = 30 * 60_000;

export async function pullImage(
  images: Images,
  name: string,
  credentials: Credentials | undefined,
  registries: RegistryConfig,
  cancelled: AbortSignal,
): Promise<ImageRecord> {
  const reference = parseReference(name);
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(pullTimeoutMs)]);
  const failures: unknown[] = [];
  for (const base of registryEndpoints(reference.registry, registries)) {
    const repository = new RegistryRepository(base, reference.repository, credentials);
    try {
      return await images.bringing(() => pullFrom(images, repository, reference, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  const why = failures.map((error) => (error instanceof CriError ? error.details : String(error))).join('; ');
  throw new CriError(
    last instanceof CriError ? last.code : criStatus.UNKNOWN,
    `cannot pull ${name}: ${why}`,
    {
      cause: last,
    },
  );
}

async function pullFrom(
  images: Images,
  repository: RegistryRepository,
  reference: ReturnType<typeof parseReference>,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const top = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', signal);
  let chosen = top;
  let parsed = parseIndexOrManifest(top.content);
  if ('index' in parsed) {
    chosen = await repository.manifest(choosePlatform(parsed.index).digest, signal);
    parsed = parseIndexOrManifest(chosen.content);
  }
  if ('index' in parsed)
    throw new CriError(criStatus.FAILED_PRECONDITION, 'an image index points to an index');
  const { manifest } = parsed;
  const queue = [manifest.config, ...manifest.layers];
  const worker = async (): Promise<void> => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
      await images.blobs.fetch(blob, repository.blob(blob.digest), signal);
    }
  };
  await Promise.all(Array.from({ length: parallelLayers }, worker));
  await images.blobs.put(
    { mediaType: chosen.mediaType, digest: chosen.digest, size: chosen.content.length },
    chosen.content,
  );
  return await images.add(manifest, top.digest, reference);
}
