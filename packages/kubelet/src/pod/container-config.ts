/**
 * One container in the words of CRI. Prepares what it mounts beside its volumes: the hosts file, the termination
 * message file and the log folder.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '@timonier/api';
import type * as cri from '@timonier/grpc/cri';
import {
  containerNameLabel,
  graceAnnotation,
  hashAnnotation,
  messagePathAnnotation,
  messagePolicyAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  restartCountAnnotation,
} from '../runtime/labels.ts';
import { ConfigError } from './environment.ts';
import { expand } from './expansion.ts';
import { hostsFile } from './hosts-file.ts';
import { containerResources, containerSecurity } from './linux-config.ts';
import { containerHash, graceSeconds, podIdentity } from './pod-facts.ts';

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly imageRef: string;
  readonly environment: ReadonlyMap<string, string>;
  /** Volume name → folder or file on the host. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly podIps: readonly string[];
  readonly podDirectory: string;
  readonly logDirectory: string;
  readonly nodeMemoryBytes: number;
  /** The container whose processes this one sees, instead of only its own. */
  readonly targetId?: string | undefined;
}

export async function containerConfig(input: ContainerInput): Promise<cri.Draft<cri.ContainerConfig>> {
  const { pod, container, attempt, environment } = input;
  const { namespace, name, uid } = podIdentity(pod);
  await mkdir(join(input.logDirectory, container.name), { recursive: true, mode: 0o755 });
  return {
    metadata: { name: container.name, attempt },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map((text) => expand(text, environment)),
    args: (container.args ?? []).map((text) => expand(text, environment)),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: await mounts(input),
    labels: {
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
      [containerNameLabel]: container.name,
    },
    annotations: {
      [hashAnnotation]: containerHash(container),
      [restartCountAnnotation]: String(attempt),
      [messagePathAnnotation]: container.terminationMessagePath ?? '/dev/termination-log',
      [messagePolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
      [graceAnnotation]: String(graceSeconds(pod)),
    },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: containerResources(container, pod, input.nodeMemoryBytes),
      securityContext: containerSecurity(container, pod, input.targetId),
    },
    ...(container.lifecycle?.stopSignal === undefined
      ? {}
      : { stopSignal: `SIGNAL_${container.lifecycle.stopSignal}` as const }),
  };
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

async function mounts(input: ContainerInput): Promise<cri.Draft<cri.Mount>[]> {
  const { container, volumes, environment, pod } = input;
  const list: cri.Draft<cri.Mount>[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (volume === undefined) throw new ConfigError(`volume "${mount.name}" of a mount does not exist`);
    const sub = mount.subPathExpr === undefined ? mount.subPath : expand(mount.subPathExpr, environment);
    list.push({
      containerPath: mount.mountPath,
      hostPath: sub === undefined || sub === '' ? volume : await insideVolume(volume, sub),
      readonly: mount.readOnly === true,
      propagation: propagations[mount.mountPropagation ?? 'None'],
    });
  }
  const taken = new Set(list.map(({ containerPath }) => containerPath));
  if (!taken.has('/etc/hosts')) {
    const hostPath = await hostsFile(pod, input.podIps, input.podDirectory);
    list.push({ containerPath: '/etc/hosts', hostPath, readonly: false });
  }
  const messagePath = container.terminationMessagePath ?? '/dev/termination-log';
  if (messagePath !== '' && !taken.has(messagePath)) {
    const folder = join(input.podDirectory, 'containers', container.name);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const hostPath = join(folder, randomBytes(4).toString('hex'));
    // Any user of the container may leave its last words, whatever the process's own mask is.
    await writeFile(hostPath, '');
    await chmod(hostPath, 0o666);
    list.push({ containerPath: messagePath, hostPath, readonly: false });
  }
  return list;
}

/** A path below a volume, made as a folder when it is missing; links must not lead out of the volume. */
async function insideVolume(volume: string, subPath: string): Promise<string> {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new ConfigError(`subPath "${subPath}" must be a path below the volume`);
  }
  const wanted = join(volume, subPath);
  const root = await realpath(volume);
  const resolved = await realpath(wanted).catch(async () => {
    await mkdir(wanted, { recursive: true, mode: 0o755 });
    return realpath(wanted);
  });
  if (resolved !== root && !resolved.startsWith(`${root}/`)) {
    throw new ConfigError(`subPath "${subPath}" leads out of the volume`);
  }
  return resolved;
}
