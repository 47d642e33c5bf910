/**
 * The volumes of pods on this host, below `ROOT/pods/UID/volumes`. Set-up may be repeated; volumes that show API
 * objects are brought up to date by `refresh`; tear-down removes everything of a pod.
 */
import { chmod, chown, lstat, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quantityValue, type Pod, type Volume } from '@timonier/api';
import { isMountPoint, mountPoints, mountTmpfs, unmount } from '@timonier/linux/mount';
import { ConfigError } from '../pod/environment.ts';
import type { FieldContext } from '../pod/fields.ts';
import { podIdentity } from '../pod/pod-facts.ts';
import { textOf } from '../runtime/runtime.ts';
import { writeAtomically } from './atomic-writer.ts';
import { shownObjects, volumePayload, type PayloadSource } from './payload.ts';

export class PodVolumes {
  readonly #root: string;
  readonly #source: PayloadSource;

  constructor(root: string, source: PayloadSource) {
    this.#root = root;
    this.#source = source;
  }

  podDirectory(uid: string): string {
    return join(this.#root, 'pods', uid);
  }

  /** Sets up all volumes at once; resolves to name → path on the host. Rejects with the volume that failed and why. */
  async setUp(context: FieldContext): Promise<Map<string, string>> {
    const volumes = context.pod.spec?.volumes ?? [];
    this.#source.follow(podIdentity(context.pod).uid, shownObjects(context.pod));
    const paths = await Promise.all(
      volumes.map(async (volume) => {
        try {
          return [volume.name, await this.#setUpOne(volume, context)] as const;
        } catch (cause) {
          throw new ConfigError(`for volume "${volume.name}" : ${textOf(cause)}`, { cause });
        }
      }),
    );
    return new Map(paths);
  }

  /** Brings volumes that show API objects up to date. */
  async refresh(context: FieldContext): Promise<void> {
    for (const volume of context.pod.spec?.volumes ?? []) await this.#writePayload(volume, context);
  }

  /** Removes everything of a pod, data of its emptyDir volumes included. */
  async tearDown(uid: string): Promise<void> {
    const directory = this.podDirectory(uid);
    this.#source.forget(uid);
    for (const { target } of mountPoints()) {
      if (target.startsWith(`${directory}/`)) unmount(target, { lazy: true });
    }
    await rm(directory, { recursive: true, force: true });
  }

  /** Pods that have a folder here. */
  async known(): Promise<string[]> {
    return readdir(join(this.#root, 'pods')).catch(() => []);
  }

  async #setUpOne(volume: Volume, context: FieldContext): Promise<string> {
    if (volume.hostPath !== undefined) {
      await checkHostPath(volume.hostPath.path, volume.hostPath.type ?? '');
      return volume.hostPath.path;
    }
    if (volume.emptyDir !== undefined) return this.#setUpEmpty(volume, context.pod);
    const path = await this.#writePayload(volume, context);
    if (path !== undefined) return path;
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
    throw new ConfigError(`volumes of kind ${kind} are not supported by this node`);
  }

  async #writePayload(volume: Volume, context: FieldContext): Promise<string | undefined> {
    const payload = await volumePayload(volume, context, this.#source);
    if (payload === undefined) return undefined;
    const kind =
      volume.secret !== undefined ? 'secret' : volume.configMap !== undefined ? 'configmap' : 'projected';
    const path = this.#path(context.pod, kind, volume.name);
    await writeAtomically(path, payload, context.pod.spec?.securityContext?.fsGroup);
    return path;
  }

  async #setUpEmpty(volume: Volume, pod: Pod): Promise<string> {
    const path = this.#path(pod, 'empty-dir', volume.name);
    await mkdir(path, { recursive: true });
    if (volume.emptyDir?.medium === 'Memory' && !isMountPoint(path)) {
      const limit = volume.emptyDir.sizeLimit;
      mountTmpfs(path, limit === undefined ? 'mode=0777' : `mode=0777,size=${quantityValue(limit)}`);
    }
    await chmod(path, 0o777);
    const group = pod.spec?.securityContext?.fsGroup;
    if (group !== undefined) {
      await chown(path, 0, group);
      await chmod(path, 0o2777);
    }
    return path;
  }

  #path(pod: Pod, kind: string, name: string): string {
    return join(this.podDirectory(podIdentity(pod).uid), 'volumes', `kubernetes.io~${kind}`, name);
  }
}

async function checkHostPath(path: string, type: string): Promise<void> {
  if (type === '') return;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    if (type === 'DirectoryOrCreate') {
      await mkdir(path, { recursive: true, mode: 0o755 });
      return;
    }
    if (type === 'FileOrCreate') {
      await lstat(dirname(path));
      await writeFile(path, '', { mode: 0o644, flag: 'a' });
      return;
    }
    throw new ConfigError(`hostPath type check failed: ${path} does not exist`);
  }
  const fits: Readonly<Record<string, boolean>> = {
    Directory: found.isDirectory(),
    DirectoryOrCreate: found.isDirectory(),
    File: found.isFile(),
    FileOrCreate: found.isFile(),
    Socket: found.isSocket(),
    CharDevice: found.isCharacterDevice(),
    BlockDevice: found.isBlockDevice(),
  };
  if (fits[type] !== true)
    throw new ConfigError(`hostPath type check failed: ${path} is not of type ${type}`);
}
