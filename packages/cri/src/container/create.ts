/**
 * CreateContainer: writable layer, user, OCI configuration and the waiting first process under conmon. Whatever
 * fails, everything made so far is undone.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { ContainerConfig, CreateContainerRequest } from '@timonier/grpc/cri';
import { mountOverlay } from '@timonier/linux/mount';
import type { ImageRecord } from '../image/images.ts';
import { scopedPath } from '../image/scoped-path.ts';
import { resolveUser } from '../image/user.ts';
import { bundleFolder, newId, nowNanoseconds, type Runtime } from '../runtime/context.ts';
import type { ContainerRecord, SandboxRecord } from '../runtime/records.ts';
import { allowedOomScore } from '../runtime/resources.ts';
import { containerSpec } from '../runtime/spec.ts';
import { sandboxHostname, sandboxMounts } from '../sandbox/files.ts';
import { sharedMemoryFolder } from '../sandbox/places.ts';
import { isReady } from '../sandbox/status.ts';
import { discard } from './discard.ts';
import { processArguments, processEnvironment, stopSignalName } from './process-config.ts';

export async function createContainer(
  runtime: Runtime,
  request: CreateContainerRequest,
): Promise<{ containerId: string }> {
  const { config } = request;
  const metadata = config?.metadata;
  if (config === undefined || metadata === undefined || metadata.name === '') {
    throw new CriError(criStatus.INVALID_ARGUMENT, 'the container config needs metadata with a name');
  }
  const sandbox = runtime.sandboxes.get(request.podSandboxId);
  if (!isReady(sandbox)) {
    throw new CriError(criStatus.FAILED_PRECONDITION, `sandbox ${sandbox.id} is not ready`);
  }
  const name = `${sandbox.id}/${metadata.name}/${metadata.attempt}`;
  return await runtime.locks.run(`container-name ${name}`, async () => {
    const twin = runtime.containers.list().find(({ sandboxId, config: { metadata: other } }) => {
      return sandboxId === sandbox.id && other?.name === metadata.name && other.attempt === metadata.attempt;
    });
    if (twin !== undefined) {
      throw new CriError(criStatus.ALREADY_EXISTS, `container ${name} exists already with ID ${twin.id}`);
    }
    const imageName = config.image?.image ?? '';
    const image = runtime.images.find(imageName);
    if (image === undefined) throw new CriError(criStatus.NOT_FOUND, `image "${imageName}" is not present`);
    return await create(runtime, sandbox, config, image);
  });
}

async function create(
  runtime: Runtime,
  sandbox: SandboxRecord,
  config: ContainerConfig,
  image: ImageRecord,
): Promise<{ containerId: string }> {
  const id = newId();
  const bundle = bundleFolder(runtime.settings, id);
  const rootfs = join(bundle, 'rootfs');
  const logFolder = sandbox.config.logDirectory;
  const logPath = config.logPath === '' || logFolder === '' ? '' : join(logFolder, config.logPath);
  const record: ContainerRecord = {
    id,
    sandboxId: sandbox.id,
    config,
    imageId: image.id,
    imageRef: image.digests[0] ?? image.id,
    createdAt: nowNanoseconds(),
    startedAt: 0,
    finishedAt: 0,
    state: 'CONTAINER_UNKNOWN',
    exitCode: 0,
    reason: '',
    message: '',
    process: undefined,
    logPath,
    cgroup: join(sandbox.cgroup, id),
    stopSignal: stopSignalName(config.stopSignal, image.config.config?.StopSignal),
    user: { uid: 0, gid: 0, groups: [] },
  };
  runtime.containers.put(record);
  try {
    mountRoot(runtime, id, rootfs, image);
    const { spec, user } = describe(runtime, sandbox, record, image, rootfs);
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    if (logPath !== '') mkdirSync(dirname(logPath), { recursive: true });
    const process = await runtime.oci.createMonitored({
      id,
      bundle,
      logPath,
      terminal: config.tty,
      stdin: config.stdin,
      stdinOnce: config.stdinOnce,
    });
    runtime.containers.put({ ...record, state: 'CONTAINER_CREATED', process, user });
  } catch (error) {
    await discard(runtime, id).catch((undo: unknown) => {
      runtime.log.error({ err: undo, container: id }, 'cannot undo a failed container');
    });
    if (error instanceof CriError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CriError(criStatus.UNKNOWN, `cannot create container "${config.metadata?.name}": ${why}`, {
      cause: error,
    });
  }
  runtime.emit('CONTAINER_CREATED_EVENT', id, sandbox.id);
  return { containerId: id };
}

function mountRoot(runtime: Runtime, id: string, rootfs: string, image: ImageRecord): void {
  const folder = runtime.containers.folder(id);
  const [upper, work] = [join(folder, 'upper'), join(folder, 'work')];
  for (const path of [upper, work, rootfs]) mkdirSync(path, { recursive: true, mode: 0o755 });
  const lower = runtime.images.layerFolders(image);
  if (lower.length === 0) throw new CriError(criStatus.FAILED_PRECONDITION, 'the image has no layers');
  mountOverlay(rootfs, { lower, upper, work });
}

function describe(
  runtime: Runtime,
  sandbox: SandboxRecord,
  record: ContainerRecord,
  image: ImageRecord,
  rootfs: string,
): { spec: object; user: ContainerRecord['user'] } {
  const { config } = record;
  const security = config.linux?.securityContext;
  const imageConfig = image.config.config ?? {};
  const user = resolveUser(rootfs, {
    imageUser: imageConfig.User ?? '',
    ...(security?.runAsUser === undefined ? {} : { uid: security.runAsUser.value }),
    ...(security?.runAsUsername === undefined ? {} : { username: security.runAsUsername }),
    ...(security?.runAsGroup === undefined ? {} : { gid: security.runAsGroup.value }),
    supplementalGroups: security?.supplementalGroups ?? [],
    mergeImageGroups: security?.supplementalGroupsPolicy !== 'Strict',
  });
  const wishedScore = config.linux?.resources?.oomScoreAdj;
  const score = wishedScore === undefined ? undefined : allowedOomScore(wishedScore);
  if (score?.downgraded === true) {
    runtime.log.warn(
      { container: record.id, wished: wishedScore, set: score.value },
      'oom_score_adj was refused',
    );
  }
  const hostUts = sandbox.namespaces.uts === undefined;
  const hostname = sandboxHostname(sandbox.config, hostUts);
  const cwd = config.workingDir || imageConfig.WorkingDir || '/';
  mkdirSync(scopedPath(rootfs, cwd, { followLast: true }), { recursive: true });
  refuseUnsupported(config);
  for (const mount of config.mounts) prepareSource(mount.hostPath);
  const hostIpc = sandbox.namespaces.ipc === undefined;
  const spec = containerSpec({
    config,
    args: processArguments(config, imageConfig),
    env: processEnvironment(config, imageConfig, { hostname, home: user.home }),
    cwd,
    user,
    rootfs,
    hostname,
    namespaces: namespaces(runtime, sandbox, config),
    cgroup: record.cgroup,
    oomScore: score?.value,
    availableCapabilities: runtime.availableCapabilities,
    sandboxMounts: sandboxMounts(
      runtime.sandboxes.folder(sandbox.id),
      hostIpc ? '/dev/shm' : sharedMemoryFolder(runtime, sandbox.id),
    ),
    annotations: {
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
      'io.kubernetes.cri.sandbox-id': sandbox.id,
    },
  });
  return { spec, user: { uid: user.uid, gid: user.gid, groups: user.additionalGids } };
}

/** What is asked for and cannot be given is an error, never left out in silence. */
function refuseUnsupported(config: ContainerConfig): void {
  const refuse = (what: string): never => {
    throw new CriError(criStatus.UNIMPLEMENTED, `${what} not supported by this runtime`);
  };
  if (config.mounts.some(({ image }) => image !== undefined && image.image !== ''))
    refuse('image volumes are');
  if (config.mounts.some(({ uidMappings }) => uidMappings.length > 0)) refuse('mounts with mapped IDs are');
  if (config.CDIDevices.length > 0) refuse('CDI devices are');
  if (config.linux?.securityContext?.apparmor?.profileType === 'Localhost') refuse('AppArmor profiles are');
}

/** As Docker did: a bind mount of a path that does not exist makes a folder there. */
function prepareSource(hostPath: string): void {
  if (!existsSync(hostPath)) mkdirSync(hostPath, { recursive: true });
}

function namespaces(
  runtime: Runtime,
  sandbox: SandboxRecord,
  config: ContainerConfig,
): { type: string; path?: string }[] {
  const { net, ipc, uts } = sandbox.namespaces;
  const list: { type: string; path?: string }[] = [{ type: 'mount' }];
  if (net !== undefined) list.push({ type: 'network', path: net });
  if (ipc !== undefined) list.push({ type: 'ipc', path: ipc });
  if (uts !== undefined) list.push({ type: 'uts', path: uts });
  const options = config.linux?.securityContext?.namespaceOptions;
  switch (options?.pid ?? 'CONTAINER') {
    case 'NODE':
      break;
    case 'POD':
      list.push({ type: 'pid', path: `/proc/${sandbox.pause?.pid ?? 0}/ns/pid` });
      break;
    case 'TARGET': {
      const target = runtime.containers.get(options?.targetId ?? '');
      list.push({ type: 'pid', path: `/proc/${target.process?.pid ?? 0}/ns/pid` });
      break;
    }
    default:
      list.push({ type: 'pid' });
  }
  return list;
}
