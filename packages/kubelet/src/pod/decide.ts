/**
 * What to do next for one pod: a pure function of the pod's specification, of what the runtime has of it, and of what
 * the worker remembers. It looks only at the present, so a kubelet that starts in the middle of somebody's work (its
 * own, before a restart) finds the same next step.
 *
 * Order: a ready sandbox and the volumes; then the init containers one after the other; then all others at once.
 * Ephemeral containers wait for nothing but the sandbox and the volumes.
 */
import type { Container, Pod } from '@timonier/api';
import { hashAnnotation } from '../runtime/labels.ts';
import { containersNamed, type RuntimeContainer, type RuntimePod } from '../runtime/runtime-pod.ts';
import {
  containerHash,
  ephemeralContainers,
  initContainers,
  isSidecar,
  mainContainers,
} from './pod-facts.ts';

export type PodAction =
  | { readonly kind: 'create-sandbox'; readonly attempt: number }
  | { readonly kind: 'prepare-volumes' }
  /** Stops every container and sandbox, because the sandbox died or the pod is done. */
  | { readonly kind: 'stop-everything' }
  | {
      readonly kind: 'start-container';
      readonly container: Container;
      readonly attempt: number;
      readonly sandboxId: string;
    }
  | { readonly kind: 'stop-container'; readonly target: RuntimeContainer; readonly message: string }
  /** A container that was made and never started: half-finished work of the past. */
  | { readonly kind: 'remove-container'; readonly target: RuntimeContainer };

export interface PodOutcome {
  readonly phase: 'Succeeded' | 'Failed';
  readonly reason?: string;
  readonly message?: string;
}

export interface Decision {
  readonly actions: readonly PodAction[];
  /** When time alone will change the decision, milliseconds since the epoch. */
  readonly wakeAt: number | undefined;
  /** Set when the pod has run to its end. */
  readonly outcome: PodOutcome | undefined;
}

export interface DecisionInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly now: number;
  /** Names of containers whose start or stop is under way. */
  readonly busy: ReadonlySet<string>;
  readonly volumesReady: boolean;
  /** Container name → when it may be started again. */
  readonly notBefore: ReadonlyMap<string, number>;
  /** Container id → why it must be stopped (failed liveness or startup probe). */
  readonly unhealthy: ReadonlyMap<string, string>;
  /** Whether the startup probe of a running container has passed, or it has none. */
  readonly started: (id: string) => boolean;
}

export function decide(input: DecisionInput): Decision {
  const { pod, runtime } = input;
  const sandbox = runtime.sandboxes[0];
  const alive = runtime.containers.some(({ state }) => state === 'running');
  const outcome = podOutcome(input);
  if (outcome !== undefined) {
    const left = alive || runtime.sandboxes.some(({ ready }) => ready);
    return { actions: left ? [{ kind: 'stop-everything' }] : [], wakeAt: undefined, outcome };
  }
  const volumes: PodAction[] = input.volumesReady ? [] : [{ kind: 'prepare-volumes' }];
  if (sandbox?.ready !== true) {
    if (alive) return { actions: [{ kind: 'stop-everything' }], wakeAt: undefined, outcome };
    const attempt = sandbox === undefined ? 0 : sandbox.attempt + 1;
    return { actions: [{ kind: 'create-sandbox', attempt }, ...volumes], wakeAt: undefined, outcome };
  }
  if (!input.volumesReady) return { actions: volumes, wakeAt: undefined, outcome };

  const plan = new ContainerPlan(input, sandbox.id);
  for (const container of ephemeralContainers(pod)) plan.addEphemeral(container);
  const mains = mainContainers(pod);
  const begun = mains.some(({ name }) =>
    containersNamed(runtime, name).some((container) => container.sandboxId === sandbox.id),
  );
  const initialized = plan.addInitContainers(initContainers(pod), begun);
  if (initialized) for (const container of mains) plan.addMain(container);
  return { actions: plan.actions, wakeAt: earliest(plan.wakeAt, deadlineOf(pod)), outcome };
}

class ContainerPlan {
  readonly actions: PodAction[] = [];
  wakeAt: number | undefined;
  readonly #input: DecisionInput;
  readonly #sandboxId: string;

  constructor(input: DecisionInput, sandboxId: string) {
    this.#input = input;
    this.#sandboxId = sandboxId;
  }

  /** Returns whether the main containers may run. */
  addInitContainers(containers: readonly Container[], begun: boolean): boolean {
    for (const container of containers) {
      const latest = this.#inSandbox(container.name);
      if (isSidecar(container)) {
        if (!this.#keepRunning(container, latest) && !begun) return false;
        continue;
      }
      // Init containers of a pod that has begun are not needed again, even if their traces are gone.
      if (begun || (latest?.state === 'exited' && latest.exitCode === 0)) continue;
      if (latest?.state !== 'running') this.#start(container, latest);
      return false;
    }
    return true;
  }

  addMain(container: Container): void {
    const latest = containersNamed(this.#input.runtime, container.name)[0];
    const here = latest?.sandboxId === this.#sandboxId ? latest : undefined;
    if (latest?.state === 'exited' && !restarts(this.#input.pod, latest)) return;
    // What died with an older sandbox did not fail: it starts again without waiting.
    this.#keepRunning(container, here);
  }

  /** Once: what has run, in whatever sandbox and however it ended, never runs again. */
  addEphemeral(container: Container): void {
    const { runtime, pod } = this.#input;
    const latest = containersNamed(runtime, container.name)[0];
    if (latest?.state === 'running' || latest?.state === 'exited') return;
    const known = pod.status?.ephemeralContainerStatuses?.find(({ name }) => name === container.name);
    if (latest === undefined && known?.containerID !== undefined) return;
    this.#start(container, latest);
  }

  /** Starts, replaces or leaves a container that should run. Returns whether it runs and has started up. */
  #keepRunning(container: Container, latest: RuntimeContainer | undefined): boolean {
    if (latest?.state !== 'running') {
      this.#start(container, latest);
      return false;
    }
    const failure = this.#input.unhealthy.get(latest.id);
    const hash = latest.annotations[hashAnnotation];
    if (failure !== undefined) this.#stop(latest, failure);
    else if (hash !== undefined && hash !== containerHash(container)) {
      this.#stop(latest, `Container ${container.name} definition changed, will be restarted`);
    }
    return this.#input.started(latest.id);
  }

  #stop(target: RuntimeContainer, message: string): void {
    if (this.#input.busy.has(target.name)) return;
    this.actions.push({ kind: 'stop-container', target, message });
  }

  #start(container: Container, latest: RuntimeContainer | undefined): void {
    const { busy, notBefore, now } = this.#input;
    if (busy.has(container.name)) return;
    if (latest?.state === 'created' || latest?.state === 'unknown') {
      this.actions.push({ kind: 'remove-container', target: latest });
      return;
    }
    const at = notBefore.get(container.name) ?? 0;
    if (at > now) {
      this.wakeAt = earliest(this.wakeAt, at);
      return;
    }
    const attempt = nextAttempt(this.#input, container.name);
    this.actions.push({ kind: 'start-container', container, attempt, sandboxId: this.#sandboxId });
  }

  #inSandbox(name: string): RuntimeContainer | undefined {
    return containersNamed(this.#input.runtime, name).find(({ sandboxId }) => sandboxId === this.#sandboxId);
  }
}

function nextAttempt({ pod, runtime }: DecisionInput, name: string): number {
  const latest = containersNamed(runtime, name)[0];
  if (latest !== undefined) return latest.attempt + 1;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const known = statuses.find((status) => status.name === name);
  // The runtime lost the container, as after the host was set up anew: the count goes on.
  return known?.containerID === undefined || known.containerID === '' ? 0 : known.restartCount + 1;
}

function restarts(pod: Pod, exited: RuntimeContainer): boolean {
  const policy = pod.spec?.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exited.exitCode !== 0);
}

function podOutcome({ pod, runtime, now }: DecisionInput): PodOutcome | undefined {
  const { phase, reason, message } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') {
    return {
      phase,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  }
  const deadline = deadlineOf(pod);
  if (deadline !== undefined && now >= deadline) {
    return {
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    };
  }
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Always') return undefined;
  for (const container of initContainers(pod)) {
    const latest = containersNamed(runtime, container.name)[0];
    if (isSidecar(container)) continue;
    if (policy === 'Never' && latest?.state === 'exited' && latest.exitCode !== 0) return { phase: 'Failed' };
  }
  let failed = false;
  for (const { name } of mainContainers(pod)) {
    const latest = containersNamed(runtime, name)[0];
    if (latest === undefined) {
      const known = pod.status?.containerStatuses?.find((status) => status.name === name);
      const ran = known?.state?.terminated ?? known?.state?.running;
      if (policy !== 'Never' || ran === undefined) return undefined;
      // It ran once and the runtime knows nothing of it any more; it must not run twice.
      failed ||= known?.state?.terminated?.exitCode !== 0;
      continue;
    }
    if (latest.state === 'exited' && !restarts(pod, latest)) {
      failed ||= latest.exitCode !== 0;
      continue;
    }
    const lostWithSandbox = latest.state !== 'exited' && !sandboxReady(runtime, latest.sandboxId);
    if (policy !== 'Never' || !lostWithSandbox || latest.state === 'running') return undefined;
    failed = true;
  }
  return { phase: failed ? 'Failed' : 'Succeeded' };
}

function sandboxReady(runtime: RuntimePod, id: string): boolean {
  return runtime.sandboxes.some((sandbox) => sandbox.id === id && sandbox.ready);
}

function deadlineOf(pod: Pod): number | undefined {
  const seconds = pod.spec?.activeDeadlineSeconds;
  const start = pod.status?.startTime;
  return seconds === undefined || start === undefined ? undefined : Date.parse(start) + seconds * 1000;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
