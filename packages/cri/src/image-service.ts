/** ImageService: maps each call of CRI to the image store. */
import { CriError, criStatus, type ImageServiceHandlers } from '@timonier/grpc/cri';
import type { AuthConfig, Draft, Image, ImageFilter } from '@timonier/grpc/cri';
import type { ImageRecord } from './image/images.ts';
import { pullImage } from './image/pull.ts';
import type { Credentials } from './image/registry.ts';
import { folderUsage } from './container/stats.ts';
import { nowNanoseconds, type Runtime } from './runtime/context.ts';
import { join } from 'node:path';

export function imageService(runtime: Runtime): ImageServiceHandlers {
  const { images, settings } = runtime;
  return {
    ListImages: async ({ filter }) => ({ images: list(runtime, filter) }),
    StreamImages: async function* ({ filter }) {
      yield { images: list(runtime, filter) };
    },
    ImageStatus: async ({ image, verbose }) => {
      const record = images.find(image?.image ?? '');
      if (record === undefined) return {};
      return {
        image: imageMessage(record),
        info: verbose ? { info: JSON.stringify({ imageSpec: record.config }) } : {},
      };
    },
    PullImage: async ({ image, auth }, { signal }) => {
      const name = image?.image ?? '';
      if (name === '') throw new CriError(criStatus.INVALID_ARGUMENT, 'no image named');
      const record = await pullImage(images, name, credentials(auth), settings.registries, signal);
      return { imageRef: record.digests[0] ?? record.id };
    },
    RemoveImage: async ({ image }) => {
      const used = (imageId: string): boolean => {
        return runtime.containers.list().some((container) => container.imageId === imageId);
      };
      await images.remove(image?.image ?? '', used);
      return {};
    },
    ImageFsInfo: async () => {
      const timestamp = nowNanoseconds();
      const usage = async (...folders: string[]): Promise<{ bytes: number; files: number }> => {
        const parts = await Promise.all(folders.map((folder) => folderUsage(join(settings.root, folder))));
        return parts.reduce((sum, part) => ({
          bytes: sum.bytes + part.bytes,
          files: sum.files + part.files,
        }));
      };
      const [image, container] = await Promise.all([usage('blobs', 'layers'), usage('containers')]);
      const message = (used: { bytes: number; files: number }) => ({
        timestamp,
        fsId: { mountpoint: settings.root },
        usedBytes: { value: used.bytes },
        inodesUsed: { value: used.files },
      });
      return { imageFilesystems: [message(image)], containerFilesystems: [message(container)] };
    },
  };
}

function list(runtime: Runtime, filter: ImageFilter | undefined): Draft<Image>[] {
  const name = filter?.image?.image ?? '';
  if (name === '') return runtime.images.list().map(imageMessage);
  const record = runtime.images.find(name);
  return record === undefined ? [] : [imageMessage(record)];
}

function imageMessage(record: ImageRecord): Draft<Image> {
  const user = (record.config.config?.User ?? '').split(':')[0] ?? '';
  const numeric = /^\d+$/.test(user);
  return {
    id: record.id,
    repoTags: record.tags,
    repoDigests: record.digests,
    size: record.size,
    uid: numeric ? { value: Number(user) } : user === '' ? { value: 0 } : undefined,
    username: numeric ? '' : user,
    spec: { image: record.id },
  };
}

function credentials(auth: AuthConfig | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  let { username, password } = auth;
  if (username === '' && auth.auth !== '') {
    const text = Buffer.from(auth.auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon >= 0) {
      username = text.slice(0, colon);
      password = text.slice(colon + 1).replace(/\0+$/, '');
    }
  }
  return { username, password, registryToken: auth.registryToken };
}
