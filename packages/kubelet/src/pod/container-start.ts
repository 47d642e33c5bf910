/**
 * Starts one container: image, configuration, create, start, postStart hook. A failure is a `StartError` with the
 * reason that people see in the container's waiting state; what was half made is removed again.
 */
import type { Container, EphemeralContainer, Pod } from '@timonier/api';
import type { KubeletMetrics } from '../metrics.ts';
import { runHandler } from '../probes/handler.ts';
import type { RuntimeSandbox } from '../runtime/runtime-pod.ts';
import { type Runtime, textOf } from '../runtime/runtime.ts';
import { containerConfig } from './container-config.ts';
import { ConfigError, containerEnvironment, type ObjectSource } from './environment.ts';
import type { FieldContext } from './fields.ts';
import { ImageError, type ImagePuller, type PullCredentials } from './image-puller.ts';
import type { SandboxConfig } from './sandbox-config.ts';
import { stopContainer } from './termination.ts';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: string;
  /** When another attempt makes sense, milliseconds since the epoch. */
  readonly retryAt: number;

  constructor(reason: string, message: string, retryAt: number, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.retryAt = retryAt;
  }
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container | EphemeralContainer;
  readonly attempt: number;
  readonly sandbox: RuntimeSandbox;
  readonly sandboxConfig: SandboxConfig;
  readonly volumes: ReadonlyMap<string, string>;
  readonly fields: FieldContext;
  readonly podDirectory: string;
  readonly logDirectory: string;
}

export interface StartServices {
  readonly runtime: Runtime;
  readonly metrics: KubeletMetrics;
  readonly images: ImagePuller;
  readonly objects: ObjectSource;
  readonly credentials: (pod: Pod, image: string) => Promise<PullCredentials | undefined>;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string, container: string) => void;
}

const retryMs = 10_000;
const postStartTimeoutMs = 120_000;

export async function startContainer(request: StartRequest, services: StartServices): Promise<void> {
  try {
    await start(request, services);
    services.metrics.startedContainers.inc();
  } catch (error) {
    const failure = asStartError(error);
    services.metrics.startedContainerErrors.inc({ code: failure.reason });
    const alreadyTold = error instanceof ImageError && error.reason !== 'ErrImagePull';
    // Why an image could not be had the puller has said.
    const what = error instanceof ImageError ? failure.reason : failure.message;
    if (!alreadyTold) services.onEvent('Warning', 'Failed', `Error: ${what}`, request.container.name);
    throw failure;
  }
}

async function start(request: StartRequest, services: StartServices): Promise<void> {
  const { pod, container, sandbox, sandboxConfig } = request;
  const { runtime, onEvent } = services;
  const [imageRef, environment] = await Promise.all([
    services.images.ensure({
      container,
      sandbox: sandboxConfig,
      credentials: (image) => services.credentials(pod, image),
      onEvent: (type, reason, message) => onEvent(type, reason, message, container.name),
    }),
    containerEnvironment(container, request.fields, services.objects),
  ]);
  await refuseRoot(pod, container, imageRef, runtime);
  const config = await containerConfig({
    pod,
    container,
    attempt: request.attempt,
    imageRef,
    environment,
    volumes: request.volumes,
    podIps: request.fields.podIps,
    podDirectory: request.podDirectory,
    logDirectory: request.logDirectory,
    nodeMemoryBytes: request.fields.allocatable.memoryBytes,
    targetId: await targetOf(request, runtime),
  });
  const containerId = await step('CreateContainerError', async () => {
    const created = await runtime.cri.runtime.CreateContainer({
      podSandboxId: sandbox.id,
      config,
      sandboxConfig,
    });
    return created.containerId;
  });
  onEvent('Normal', 'Created', `Created container: ${container.name}`, container.name);
  try {
    await step('RunContainerError', () => runtime.cri.runtime.StartContainer({ containerId }));
  } catch (error) {
    // Left behind it would be a container that neither runs nor ended.
    await runtime.cri.runtime.RemoveContainer({ containerId }).catch(() => undefined);
    throw error;
  }
  onEvent('Normal', 'Started', `Started container ${container.name}`, container.name);
  await afterStart(request, services, containerId);
}

async function afterStart(request: StartRequest, services: StartServices, id: string): Promise<void> {
  const { container, sandbox } = request;
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return;
  const podIp = sandbox.ips[0] ?? request.fields.hostIp;
  try {
    await runHandler(hook, { containerId: id, container, podIp }, services.runtime, postStartTimeoutMs);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    services.onEvent('Warning', 'FailedPostStartHook', `PostStartHook failed: ${text}`, container.name);
    const state = await services.runtime.inspectPod(request.pod.metadata?.uid ?? '');
    const target = state.containers.find((candidate) => candidate.id === id);
    if (target !== undefined) {
      await stopContainer(target, container, podIp, 30, 'FailedPostStartHook', services);
    }
  }
}

/** The running container whose processes an ephemeral one wants to see. */
async function targetOf({ pod, container }: StartRequest, runtime: Runtime): Promise<string | undefined> {
  const wanted = 'targetContainerName' in container ? container.targetContainerName : undefined;
  if (wanted === undefined || wanted === '') return undefined;
  const { containers } = await runtime.inspectPod(pod.metadata?.uid ?? '');
  const target = containers.find(({ name, state }) => name === wanted && state === 'running');
  if (target === undefined) throw new ConfigError(`unable to find target container "${wanted}"`);
  return target.id;
}

/** Without a user in the pod the image decides, and a name of a user proves nothing. */
async function refuseRoot(pod: Pod, container: Container, imageRef: string, runtime: Runtime): Promise<void> {
  const own = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) !== true) return;
  const user = own.runAsUser ?? shared.runAsUser;
  if (user === 0) throw new ConfigError("container's runAsUser breaks non-root policy");
  if (user !== undefined) return;
  const { image } = await runtime.cri.images.ImageStatus({ image: { image: imageRef } });
  if ((image?.uid?.value ?? 0) !== 0) return;
  const name = image?.username ?? '';
  throw new ConfigError(
    name === ''
      ? 'container has runAsNonRoot and image will run as root'
      : `container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root`,
  );
}

async function step<T>(reason: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const message = textOf(cause);
    throw new StartError(reason, message, Date.now() + retryMs, { cause });
  }
}

function asStartError(error: unknown): StartError {
  if (error instanceof StartError) return error;
  const message = textOf(error);
  if (error instanceof ImageError)
    return new StartError(error.reason, message, error.retryAt, { cause: error });
  return new StartError('CreateContainerConfigError', message, Date.now() + retryMs, { cause: error });
}
