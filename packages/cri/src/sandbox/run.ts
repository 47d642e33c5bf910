/**
 * RunPodSandbox: namespaces, files, network and the pause process. Whatever fails, everything made so far is undone.
 * The network and the pause process do not depend on each other and are brought up side by side.
 */
import { copyFileSync, chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { PodSandboxConfig, RunPodSandboxRequest } from '@timonier/grpc/cri';
import { bundleFolder, newId, nowNanoseconds, type Runtime } from '../runtime/context.ts';
import type { ProcessId, SandboxRecord } from '../runtime/records.ts';
import { allowedOomScore } from '../runtime/resources.ts';
import { pauseSpec } from '../runtime/spec.ts';
import { mountSharedMemory, sandboxHostname, writeSandboxFiles } from './files.ts';
import { type PinnedKind, pinNamespaces, sysctlNamespace } from './namespaces.ts';
import { joinNetwork } from './network.ts';
import { namespaceFolder, sharedMemoryFolder } from './places.ts';
import { tearDown } from './tear-down.ts';

/** What the OOM killer takes last: without its pause process a pod is lost. */
const pauseOomScore = -998;

export async function runPodSandbox(
  runtime: Runtime,
  request: RunPodSandboxRequest,
): Promise<{ podSandboxId: string }> {
  const { config } = request;
  const metadata = config?.metadata;
  if (config === undefined || metadata === undefined || metadata.name === '' || metadata.uid === '') {
    throw new CriError(criStatus.INVALID_ARGUMENT, 'the sandbox config needs metadata with name and uid');
  }
  if (request.runtimeHandler !== '') {
    throw new CriError(
      criStatus.NOT_FOUND,
      `no runtime handler "${request.runtimeHandler}"; only the default exists`,
    );
  }
  if (config.linux?.securityContext?.namespaceOptions?.usernsOptions?.mode === 'POD') {
    throw new CriError(criStatus.UNIMPLEMENTED, 'user namespaces are not supported; leave hostUsers unset');
  }
  const name = `${metadata.namespace}/${metadata.name}/${metadata.uid}/${metadata.attempt}`;
  return await runtime.locks.run(`sandbox-name ${name}`, async () => {
    const twin = runtime.sandboxes.list().find(({ config: { metadata: other } }) => {
      return (
        other?.uid === metadata.uid && other.attempt === metadata.attempt && other.name === metadata.name
      );
    });
    if (twin !== undefined) {
      throw new CriError(criStatus.ALREADY_EXISTS, `sandbox ${name} exists already with ID ${twin.id}`);
    }
    return await create(runtime, config);
  });
}

async function create(runtime: Runtime, config: PodSandboxConfig): Promise<{ podSandboxId: string }> {
  const id = newId();
  const { settings } = runtime;
  const options = config.linux?.securityContext?.namespaceOptions;
  const hostNetwork = options?.network === 'NODE';
  const hostIpc = options?.ipc === 'NODE';
  const kinds: PinnedKind[] = [];
  if (!hostNetwork) kinds.push('net', 'uts');
  if (!hostIpc) kinds.push('ipc');
  const hostname = sandboxHostname(config, hostNetwork);
  if (config.logDirectory !== '') mkdirSync(config.logDirectory, { recursive: true, mode: 0o755 });
  let record: SandboxRecord = runtime.sandboxes.put({
    id,
    config,
    runtimeHandler: '',
    createdAt: nowNanoseconds(),
    ready: false,
    pause: undefined,
    namespaces: {},
    addresses: [],
    cniResult: undefined,
    cgroup: cgroupOf(settings.cgroupParent, config.linux?.cgroupParent ?? ''),
  });
  try {
    writeSandboxFiles(runtime.sandboxes.folder(id), config, hostname);
    const namespaces = pinNamespaces(namespaceFolder(runtime, id), kinds, {
      hostname,
      sysctls: checkedSysctls(config, kinds),
    });
    record = runtime.sandboxes.update(id, { namespaces });
    if (!hostIpc) mountSharedMemory(sharedMemoryFolder(runtime, id));
    // Each records what it has made before the other can fail.
    await settleBoth(
      runPause(runtime, record, hostname).then((pause) => runtime.sandboxes.update(id, { pause })),
      joinNetwork(runtime, record),
    );
    runtime.sandboxes.update(id, { ready: true });
  } catch (error) {
    await tearDown(runtime, runtime.sandboxes.get(id)).catch((undo: unknown) => {
      runtime.log.error({ err: undo, sandbox: id }, 'cannot undo a failed sandbox');
    });
    runtime.sandboxes.remove(id);
    throw error;
  }
  runtime.emit('CONTAINER_CREATED_EVENT', id, id);
  runtime.emit('CONTAINER_STARTED_EVENT', id, id);
  return { podSandboxId: id };
}

/** Waits for both even when one fails, so that undoing does not race with doing. */
async function settleBoth(first: Promise<unknown>, second: Promise<unknown>): Promise<void> {
  await Promise.allSettled([first, second]);
  await first;
  await second;
}

/** Every pod's groups lie under the prefix; a parent that is under it already is taken as it is. */
export function cgroupOf(prefix: string, parent: string): string {
  const wanted = parent === '' ? '/timonier-pods' : join('/', parent);
  return wanted === prefix || wanted.startsWith(`${prefix}/`) ? wanted : join('/', prefix, wanted);
}

function checkedSysctls(config: PodSandboxConfig, kinds: readonly PinnedKind[]): Record<string, string> {
  const sysctls = config.linux?.sysctls ?? {};
  for (const name of Object.keys(sysctls)) {
    const kind = sysctlNamespace(name);
    if (kind === undefined || !kinds.includes(kind)) {
      throw new CriError(criStatus.INVALID_ARGUMENT, `sysctl "${name}" is not the pod's own`);
    }
  }
  return sysctls;
}

async function runPause(runtime: Runtime, record: SandboxRecord, hostname: string): Promise<ProcessId> {
  const { settings } = runtime;
  const bundle = bundleFolder(settings, record.id);
  mkdirSync(bundle, { recursive: true });
  const options = record.config.linux?.securityContext?.namespaceOptions;
  const namespaces: { type: string; path?: string }[] = [];
  const { net, ipc, uts } = record.namespaces;
  if (net !== undefined) namespaces.push({ type: 'network', path: net });
  if (ipc !== undefined) namespaces.push({ type: 'ipc', path: ipc });
  if (uts !== undefined) namespaces.push({ type: 'uts', path: uts });
  if (options?.pid === undefined || options.pid !== 'NODE') namespaces.push({ type: 'pid' });
  const spec = pauseSpec({
    rootfs: pauseRoot(runtime),
    hostname,
    namespaces,
    cgroup: join(record.cgroup, record.id),
    annotations: { 'io.kubernetes.cri.container-type': 'sandbox', 'io.kubernetes.cri.sandbox-id': record.id },
    oomScore: allowedOomScore(pauseOomScore).value,
  });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  return await runtime.oci.runDetached(record.id, bundle);
}

/** The root file system all pause processes share: one file. */
function pauseRoot(runtime: Runtime): string {
  const root = join(runtime.settings.root, 'pause');
  const file = join(root, 'busybox');
  if (!existsSync(file)) {
    mkdirSync(join(root, 'proc'), { recursive: true });
    for (const name of ['dev', 'sys']) mkdirSync(join(root, name), { recursive: true });
    rmSync(`${file}.new`, { force: true });
    copyFileSync(runtime.settings.busybox, `${file}.new`);
    chmodSync(`${file}.new`, 0o755);
    renameSync(`${file}.new`, file);
  }
  return root;
}
