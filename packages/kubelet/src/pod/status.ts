/**
 * The status a pod has, computed from what the runtime has of it and what the worker knows: pure. Reasons and phases
 * are upstream's, because people and programs match on them.
 */
import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from '@timonier/api';
import { containersNamed, type RuntimeContainer, type RuntimePod } from '../runtime/runtime-pod.ts';
import type { PodOutcome } from './decide.ts';
import { ephemeralContainers, initContainers, isSidecar, mainContainers, qosClass } from './pod-facts.ts';

export interface WaitingReason {
  readonly reason: string;
  readonly message?: string;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly runtimeName: string;
  readonly hostIp: string;
  readonly startTime: string;
  readonly now: Date;
  readonly outcome: PodOutcome | undefined;
  /** The pod is being deleted and nothing of it runs any more. */
  readonly ended: boolean;
  /** Container name → why it is not running, where the worker knows more than "creating". */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly started: (id: string) => boolean;
  readonly ready: (id: string) => boolean;
  readonly messageOf: (container: RuntimeContainer) => string | undefined;
}

export function computeStatus(input: StatusInput): PodStatus {
  const { pod, runtime } = input;
  const inits = initContainers(pod);
  const mains = mainContainers(pod);
  const sandbox = runtime.sandboxes[0];
  const begun = mains.some(({ name }) => containersNamed(runtime, name).length > 0);
  const initStatuses = inits.map((container) => initStatus(input, container));
  const incomplete = begun ? [] : inits.filter((container, i) => !initDone(initStatuses[i], container));
  const initialized = incomplete.length === 0;
  const waitingReason = initialized ? 'ContainerCreating' : 'PodInitializing';
  const statuses = mains.map((container) => containerStatus(input, container, waitingReason));
  const ephemeral = ephemeralContainers(pod).map((container) => ephemeralStatus(input, container));
  const phase = phaseOf(input, initStatuses, statuses);
  const finished = phase === 'Succeeded' || phase === 'Failed';
  const hostIps = [{ ip: input.hostIp }];
  const ips = pod.spec?.hostNetwork === true ? [input.hostIp] : (sandbox?.ips ?? []);
  const settled = settledOutcome(input);
  // Of a pod that is refused, or that has no time left, nothing is being created any more.
  const hasOutcome = settled?.phase === 'Failed';
  const outcome = settled ?? {
    phase,
    ...(pod.status?.reason === undefined ? {} : { reason: pod.status.reason }),
    ...(pod.status?.message === undefined ? {} : { message: pod.status.message }),
  };
  const neverBegan = hasOutcome && runtime.containers.length === 0 && knownStatuses(pod).every(isNothing);
  const kept = finished && ips.length === 0 ? pod.status?.podIPs : ips.map((ip) => ({ ip }));
  return {
    phase,
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
    ...(outcome.message === undefined ? {} : { message: outcome.message }),
    conditions: conditions(input, phase, incomplete, [
      ...initStatuses.filter((_, i) => sidecarAt(inits, i)),
      ...statuses,
    ]),
    hostIP: input.hostIp,
    hostIPs: hostIps,
    ...(kept?.[0]?.ip === undefined ? {} : { podIP: kept[0].ip, podIPs: kept }),
    startTime: input.startTime,
    ...(neverBegan ? {} : { containerStatuses: statuses }),
    ...(neverBegan || inits.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: qosClass(pod),
  };
}

/** Nobody waits for an ephemeral container: it is never ready, and `started` says nothing of it. */
function ephemeralStatus(input: StatusInput, container: Container): ContainerStatus {
  const { started: _, ...status } = containerStatus(input, container, 'ContainerCreating');
  return { ...status, ready: false };
}

function sidecarAt(inits: readonly Container[], index: number): boolean {
  const container = inits[index];
  return container !== undefined && isSidecar(container);
}

/** One that ended well did what it was there for, and is ready from then on. */
function initStatus(input: StatusInput, container: Container): ContainerStatus {
  const status = containerStatus(input, container, 'PodInitializing');
  return isSidecar(container) ? status : { ...status, ready: initDone(status, container) };
}

function initDone(status: ContainerStatus | undefined, container: Container): boolean {
  return isSidecar(container) ? status?.started === true : status?.state?.terminated?.exitCode === 0;
}

function containerStatus(input: StatusInput, container: Container, waitingReason: string): ContainerStatus {
  const { name } = container;
  const [latest, previous] = containersNamed(input.runtime, name);
  const known = knownStatuses(input.pod).find((status) => status.name === name);
  const waiting = input.waiting.get(name);
  if (latest === undefined) {
    // After the end the runtime's traces are removed, and what was reported stays true.
    if (known !== undefined && (input.ended || known.state?.terminated !== undefined)) {
      return { ...known, ready: false, started: false, ...(input.ended ? lostState(known) : {}) };
    }
    return {
      name,
      image: container.image ?? '',
      imageID: '',
      ready: false,
      started: false,
      restartCount: known?.restartCount ?? 0,
      state: { waiting: waiting ?? { reason: waitingReason } },
      ...(known?.lastState === undefined ? {} : { lastState: known.lastState }),
    };
  }
  const running = latest.state === 'running';
  const started = running && input.started(latest.id);
  const terminated = latest.state === 'exited' ? terminatedState(input, latest) : undefined;
  // A container that is waiting to run again shows why, and its end as the last state.
  const willRestart = terminated !== undefined && waiting !== undefined && !input.ended;
  const state: ContainerState = running
    ? { running: { startedAt: iso(latest.startedAt) } }
    : terminated !== undefined && !willRestart
      ? { terminated }
      : { waiting: waiting ?? { reason: waitingReason } };
  const last = willRestart
    ? terminated
    : previous?.state === 'exited'
      ? terminatedState(input, previous)
      : known?.lastState?.terminated;
  return {
    name,
    image: container.image ?? latest.image,
    imageID: latest.imageRef,
    containerID: `${input.runtimeName}://${latest.id}`,
    ready: started && input.ready(latest.id),
    started,
    restartCount: latest.attempt,
    state,
    lastState: last === undefined ? {} : { terminated: last },
  };
}

function knownStatuses({ status }: Pod): readonly ContainerStatus[] {
  return [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
}

/** It was never more than a plan. */
function isNothing({ containerID = '', state, lastState }: ContainerStatus): boolean {
  return containerID === '' && state?.terminated === undefined && lastState?.terminated === undefined;
}

function lostState(known: ContainerStatus): Pick<ContainerStatus, 'state'> {
  if (known.state?.running === undefined) return known.state === undefined ? {} : { state: known.state };
  return {
    state: {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
      },
    },
  };
}

function terminatedState(
  input: StatusInput,
  container: RuntimeContainer,
): NonNullable<ContainerState['terminated']> {
  const message = input.messageOf(container) ?? (container.message === '' ? undefined : container.message);
  const reason =
    container.reason === '' ? (container.exitCode === 0 ? 'Completed' : 'Error') : container.reason;
  return {
    exitCode: container.exitCode,
    reason,
    ...(message === undefined ? {} : { message }),
    startedAt: iso(container.startedAt),
    finishedAt: iso(container.finishedAt),
    containerID: `${input.runtimeName}://${container.id}`,
  };
}

/** A pod is at its end only when nothing of it runs any more: sidecars end after the others. */
function settledOutcome({ outcome, runtime }: StatusInput): PodOutcome | undefined {
  return runtime.containers.some(({ state }) => state === 'running') ? undefined : outcome;
}

function phaseOf(
  input: StatusInput,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): NonNullable<PodStatus['phase']> {
  const before = input.pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const outcome = settledOutcome(input);
  if (outcome !== undefined) return outcome.phase;
  const begun = mains.some((status) => status.containerID !== undefined);
  if (input.ended) {
    // A deleted pod that never ran failed; one whose containers all ended well succeeded.
    const well = begun && mains.every((status) => status.state?.terminated?.exitCode === 0);
    return well ? 'Succeeded' : 'Failed';
  }
  if (!begun) return 'Pending';
  const pending = mains.some(
    (status) => status.state?.waiting !== undefined && status.lastState?.terminated === undefined,
  );
  return pending || inits.some((status) => status.state?.running !== undefined && status.started === false)
    ? 'Pending'
    : 'Running';
}

function conditions(
  input: StatusInput,
  phase: string,
  incomplete: readonly Container[],
  statuses: readonly ContainerStatus[],
): PodCondition[] {
  const { pod, runtime } = input;
  const unready = statuses.filter((status) => !status.ready).map((status) => status.name);
  const completed = phase === 'Succeeded';
  const failed = phase === 'Failed';
  const blocked = completed
    ? { reason: 'PodCompleted' }
    : failed
      ? { reason: 'PodFailed' }
      : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const containersReady = unready.length === 0 && !completed && !failed;
  const closedGates = (pod.spec?.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => pod.status?.conditions?.find((known) => known.type === type)?.status !== 'True');
  const gateReason = {
    reason: 'ReadinessGatesNotReady',
    message: `the status of pod readiness gates ${closedGates.map((type) => `"${type}"`).join(', ')} is not "True"`,
  };
  const pendingInits = incomplete.map(({ name }) => name).join(' ');
  const notInitialized = {
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${pendingInits}]`,
  };
  const ready = containersReady && closedGates.length === 0;
  const readyWhy = containersReady ? gateReason : blocked;
  return [
    condition(input, 'PodReadyToStartContainers', runtime.sandboxes[0]?.ready === true, {}),
    condition(
      input,
      'Initialized',
      incomplete.length === 0,
      completed ? { reason: 'PodCompleted' } : notInitialized,
      completed,
    ),
    condition(input, 'Ready', ready, readyWhy),
    condition(input, 'ContainersReady', containersReady, blocked),
    condition(input, 'PodScheduled', true, {}),
  ];
}

function condition(
  input: StatusInput,
  type: string,
  holds: boolean,
  why: { readonly reason?: string; readonly message?: string },
  explainAlways = false,
): PodCondition {
  const status = holds ? 'True' : 'False';
  const known = input.pod.status?.conditions?.find((candidate) => candidate.type === type);
  const since = known?.status === status ? known.lastTransitionTime : undefined;
  return {
    type,
    status,
    lastTransitionTime: since ?? iso(input.now.getTime()),
    ...(holds && !explainAlways ? {} : why),
    ...(input.pod.metadata?.generation === undefined
      ? {}
      : { observedGeneration: input.pod.metadata.generation }),
  };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}
