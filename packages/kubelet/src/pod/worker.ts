/**
 * Keeps one pod as it should be. A pass reads what the runtime has, decides, starts what has to be done in the
 * background, and publishes the status; anything that may have changed something asks for the next pass. Passes of
 * one pod never overlap, and a pass never waits for slow work such as a pull.
 *
 * A worker ends when its pod is to go: everything is stopped and removed, the final status is written, and the API
 * object is deleted for good.
 */
import type { Pod } from '@timonier/api';
import { Prober } from '../probes/prober.ts';
import { textOf } from '../runtime/runtime.ts';
import type { RuntimePod } from '../runtime/runtime-pod.ts';
import { BackgroundWork } from './background.ts';
import { startContainer, StartError } from './container-start.ts';
import { decide, type PodAction, type PodOutcome } from './decide.ts';
import type { FieldContext } from './fields.ts';
import { garbageOf } from './garbage.ts';
import { containerField, containerNamed, graceSeconds } from './pod-facts.ts';
import { MountedVolumes } from './mounted-volumes.ts';
import { probedIn, shortInitRuns } from './running.ts';
import { podLogDirectory, sandboxConfig } from './sandbox-config.ts';
import { Restarts } from './restarts.ts';
import { computeStatus } from './status.ts';
import { removePod, stopContainer, stopPod, type StopContext } from './termination.ts';
import { terminationMessage } from './termination-message.ts';
import { removePodCgroups } from './pod-cgroup.ts';
import type { WorkerServices } from './worker-services.ts';

const everything = '*';
const initCheckMs = 75;

export class PodWorker {
  readonly uid: string;
  readonly #services: WorkerServices;
  readonly #prober: Prober;
  readonly #work: BackgroundWork;
  readonly #restarts: Restarts;
  readonly #volumes: MountedVolumes;
  readonly #seenAt = performance.now();
  readonly #startTime: string;
  readonly #refusal: PodOutcome | undefined;
  #pod: Pod | undefined;
  #gone = false;
  #outcome: PodOutcome | undefined;
  #dirty = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #hasPassed = false;
  #startMeasured: boolean;

  /**
   * `pod` is undefined for what an earlier life left in the runtime and nobody wants any more. A pod with a `refusal`
   * is reported as that and never started.
   */
  constructor(uid: string, pod: Pod | undefined, services: WorkerServices, refusal?: PodOutcome) {
    this.uid = uid;
    this.#refusal = refusal;
    this.#services = services;
    this.#volumes = new MountedVolumes(services.volumes);
    this.#pod = pod;
    this.#gone = pod === undefined;
    this.#startTime = pod?.status?.startTime ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    // Only a pod that is new here says something about how long starting takes.
    this.#startMeasured = pod?.status?.startTime !== undefined;
    this.#restarts = new Restarts((container) => {
      const message = `Back-off restarting failed container ${container} in pod ${this.#pod?.metadata?.name}`;
      this.#event('Warning', 'BackOff', message, container);
    });
    this.#work = new BackgroundWork(
      () => this.trigger(),
      (name, error) => services.log.warn({ err: error, pod: this.uid, work: name }, 'part of a pod failed'),
    );
    this.#prober = new Prober({
      runtime: services.runtime,
      metrics: services.metrics,
      onChange: () => this.trigger(),
      onUnhealthy: (container, _kind, message) =>
        this.#event('Warning', 'Unhealthy', message, container.name),
    });
  }

  get pod(): Pod | undefined {
    return this.#pod;
  }

  get refused(): boolean {
    return this.#refusal !== undefined;
  }

  get terminating(): boolean {
    return this.#gone || this.#pod?.metadata?.deletionTimestamp !== undefined;
  }

  /** The pod as it should be now; undefined when there should be none. */
  update(pod: Pod | undefined): void {
    const before = this.#pod;
    if (pod === undefined) this.#gone = true;
    else this.#pod = pod;
    const hurry =
      this.#work.busy.has(everything) &&
      before !== undefined &&
      (pod === undefined || graceSeconds(pod) < graceSeconds(before));
    if (hurry) void this.#hasten(pod === undefined ? 0 : graceSeconds(pod));
    const shown = (one: Pod | undefined): string =>
      JSON.stringify([one?.metadata?.labels, one?.metadata?.annotations]);
    // Volumes of the downward API show them.
    if (pod !== undefined && shown(before) !== shown(pod)) this.refreshVolumes();
    this.trigger();
  }

  /** Asks for a pass. */
  trigger(): void {
    this.#dirty = true;
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#loop().finally(() => {
      this.#running = undefined;
      if (this.#dirty) this.trigger();
    });
  }

  /** Leaves the pod as it is: the kubelet stops, and its pods go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#prober.stop();
    await this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      clearTimeout(this.#timer);
      const operation_type = this.terminating ? 'terminating' : this.#hasPassed ? 'sync' : 'create';
      this.#hasPassed = true;
      const done = this.#services.metrics.podWorker.startTimer({ operation_type });
      try {
        await this.#pass();
        this.#work.succeeded('pass');
      } catch (error) {
        this.#services.log.warn({ err: error, pod: this.uid }, 'cannot look after the pod');
        this.#wakeIn(this.#work.failed('pass'));
      }
      done();
    }
  }

  async #pass(): Promise<void> {
    if (this.#work.busy.has(everything)) return;
    const state = await this.#services.runtime.inspectPod(this.uid);
    if (this.#stopped) return;
    const pod = this.#pod;
    if (this.terminating || pod === undefined) {
      this.#prober.stop();
      this.#background(everything, () => this.#terminate(state));
      return;
    }
    if (this.#refusal !== undefined) {
      if (this.#outcome === undefined)
        this.#event('Warning', this.#refusal.reason ?? 'Rejected', this.#refusal.message ?? '');
      this.#outcome = this.#refusal;
      this.#publish(pod, state, false);
      return;
    }
    this.#followProbes(pod, state);
    const notBefore = this.#restarts.noteExits(pod, state, this.#work.busy);
    const decision = decide({
      pod,
      runtime: state,
      now: Date.now(),
      busy: this.#work.busy,
      volumesReady: this.#volumes.paths !== undefined,
      notBefore,
      unhealthy: this.#prober.unhealthy,
      started: (id) => this.#prober.isStarted(id),
    });
    const { reason, message = '' } = decision.outcome ?? {};
    // What an earlier life, or somebody else, has made of the pod was told then.
    const isNews = reason !== undefined && this.#outcome?.reason !== reason && pod.status?.phase !== 'Failed';
    if (isNews) this.#event('Normal', reason, message);
    this.#outcome = decision.outcome;
    for (const action of decision.actions) this.#perform(action, pod, state);
    this.#publish(pod, state, false);
    const soon = shortInitRuns(pod, state) ? Date.now() + initCheckMs : Number.POSITIVE_INFINITY;
    const wakeAt = Math.min(decision.wakeAt ?? Number.POSITIVE_INFINITY, soon);
    if (Number.isFinite(wakeAt)) this.#wakeIn(Math.max(10, wakeAt - Date.now()));
    this.#collectGarbage(pod, state);
  }

  #perform(action: PodAction, pod: Pod, state: RuntimePod): void {
    switch (action.kind) {
      case 'create-sandbox':
        return this.#background('sandbox', () => this.#createSandbox(pod, action.attempt));
      case 'prepare-volumes':
        return this.#background('volumes', () => this.#prepareVolumes(pod));
      case 'stop-everything':
        return this.#background('stop', () =>
          stopPod(pod, state, graceSeconds(pod), this.#stopContext()).then(() => undefined),
        );
      case 'start-container':
        return this.#background(action.container.name, () => this.#startContainer(pod, state, action));
      case 'stop-container': {
        const { target, message } = action;
        const definition = containerNamed(pod, target.name);
        const podIp = this.#podIps(pod, state)[0] ?? '';
        return this.#background(target.name, () =>
          stopContainer(target, definition, podIp, graceSeconds(pod), message, this.#stopContext()),
        );
      }
      case 'remove-container':
        return this.#background(action.target.name, async () => {
          await this.#services.runtime.cri.runtime.RemoveContainer({ containerId: action.target.id });
        });
    }
  }

  async #createSandbox(pod: Pod, attempt: number): Promise<void> {
    await this.#services.makeLogDirectory(podLogDirectory(pod, this.#services.settings.logRoot));
    try {
      const config = sandboxConfig(pod, attempt, this.#services.settings);
      await this.#services.runtime.cri.runtime.RunPodSandbox({
        config,
        runtimeHandler: pod.spec?.runtimeClassName ?? '',
      });
    } catch (error) {
      this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${textOf(error)}`);
      throw error;
    }
  }

  async #prepareVolumes(pod: Pod): Promise<void> {
    try {
      await this.#volumes.setUp(this.#fields(pod, []));
    } catch (error) {
      this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed ${textOf(error)}`);
      throw error;
    }
  }

  async #startContainer(
    pod: Pod,
    state: RuntimePod,
    { container, attempt, sandboxId }: Extract<PodAction, { kind: 'start-container' }>,
  ): Promise<void> {
    const sandbox = state.sandboxes.find(({ id }) => id === sandboxId);
    const { paths } = this.#volumes;
    if (sandbox === undefined || paths === undefined) return;
    const { settings, volumes } = this.#services;
    try {
      await startContainer(
        {
          pod,
          container,
          attempt,
          sandbox,
          sandboxConfig: sandboxConfig(pod, sandbox.attempt, settings),
          volumes: paths,
          fields: this.#fields(pod, this.#podIps(pod, state)),
          podDirectory: volumes.podDirectory(this.uid),
          logDirectory: podLogDirectory(pod, settings.logRoot),
        },
        {
          ...this.#services,
          onEvent: (type, reason, message, name) => this.#event(type, reason, message, name),
        },
      );
      this.#restarts.started(container.name);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#restarts.startFailed(container.name, error);
    }
  }

  /** Stops and removes everything, reports the end, and lets the API object go. */
  async #terminate(state: RuntimePod): Promise<void> {
    const pod = this.#pod;
    const grace = pod === undefined ? undefined : graceSeconds(pod);
    await stopPod(pod, state, grace, this.#stopContext());
    const last = await this.#services.runtime.inspectPod(this.uid);
    const status = pod === undefined || this.#gone ? undefined : this.#status(pod, last, true);
    await removePod(last, this.#services.runtime);
    await this.#services.volumes.tearDown(this.uid);
    const { namespace, name } = state;
    const known = pod ?? { metadata: { namespace, name, uid: this.uid } };
    await this.#services.removeLogDirectory(podLogDirectory(known, this.#services.settings.logRoot));
    removePodCgroups(this.uid, this.#services.settings.cgroupParent);
    if (pod !== undefined) {
      if (status !== undefined && !this.#gone) await this.#services.finish(pod, status);
    }
    this.#stopped = true;
    this.#services.onDone(this.uid);
  }

  /** The grace became shorter while containers are being stopped. */
  async #hasten(seconds: number): Promise<void> {
    try {
      const state = await this.#services.runtime.inspectPod(this.uid);
      const running = state.containers.filter((container) => container.state === 'running');
      await Promise.all(
        running.map(({ id }) =>
          this.#services.runtime.cri.runtime.StopContainer({ containerId: id, timeout: seconds }),
        ),
      );
    } catch (error) {
      this.#services.log.debug({ err: error, pod: this.uid }, 'could not hasten the end of a pod');
    }
  }

  #followProbes(pod: Pod, state: RuntimePod): void {
    this.#prober.follow(probedIn(pod, state), this.#podIps(pod, state)[0] ?? '');
  }

  #publish(pod: Pod, state: RuntimePod, ended: boolean): void {
    const status = this.#status(pod, state, ended);
    this.#services.publish(pod, status);
    const { containerStatuses } = status;
    const waits = containerStatuses?.some(({ state: now }) => now?.running === undefined) ?? true;
    if (this.#startMeasured || waits) return;
    this.#startMeasured = true;
    this.#services.metrics.podStart.observe((performance.now() - this.#seenAt) / 1000);
  }

  #status(pod: Pod, state: RuntimePod, ended: boolean): ReturnType<typeof computeStatus> {
    const { runtimeName, hostIp } = this.#services.settings;
    return computeStatus({
      pod,
      runtime: state,
      runtimeName,
      hostIp,
      startTime: this.#startTime,
      now: new Date(),
      outcome: this.#outcome,
      ended,
      waiting: this.#restarts.waiting,
      started: (id) => this.#prober.isStarted(id),
      ready: (id) => this.#prober.isReady(id),
      messageOf: terminationMessage,
    });
  }

  #collectGarbage(pod: Pod, state: RuntimePod): void {
    const garbage = garbageOf(pod, state);
    if (garbage === undefined) return;
    this.#background('garbage', () => removePod({ ...state, ...garbage }, this.#services.runtime));
  }

  #background(name: string, work: () => Promise<void>): void {
    if (!this.#stopped) this.#work.run(name, work);
  }

  #wakeIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.trigger(), Math.min(milliseconds, 2 ** 31 - 1));
  }

  #fields(pod: Pod, podIps: readonly string[]): FieldContext {
    const { hostIp, nodeName } = this.#services.settings;
    return { pod, podIps, hostIp, nodeName, allocatable: this.#services.allocatable };
  }

  /** Brings mounted ConfigMaps, Secrets and fields up to date, one time after the other. */
  refreshVolumes(): void {
    this.#volumes.outdate();
    if (this.#volumes.paths === undefined) return;
    this.#background('refresh', () =>
      this.#volumes.refresh(() =>
        this.#pod === undefined || this.terminating ? undefined : this.#fields(this.#pod, []),
      ),
    );
  }

  #podIps(pod: Pod, state: RuntimePod): readonly string[] {
    return pod.spec?.hostNetwork === true
      ? [this.#services.settings.hostIp]
      : (state.sandboxes[0]?.ips ?? []);
  }

  #stopContext(): StopContext {
    return {
      runtime: this.#services.runtime,
      onEvent: (type, reason, message, name) => this.#event(type, reason, message, name),
    };
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const pod = this.#pod;
    if (pod === undefined || this.#gone) return;
    const path = container === undefined ? undefined : containerField(pod, container);
    this.#services.event(pod, type, reason, message, path);
  }
}
