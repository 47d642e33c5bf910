/**
 * Which pods this node looks after: one worker for each pod that the API server or a manifest file assigns to it, and
 * one for each pod that only the runtime knows, which is thereby brought to its end.
 */
import type { Pod } from '@timonier/api';
import type { RuntimeEntry } from '../runtime/runtime.ts';
import { refusalOf } from './admission.ts';
import type { PodOutcome } from './decide.ts';
import { isStatic, podIdentity } from './pod-facts.ts';
import { PodWorker } from './worker.ts';
import type { WorkerServices } from './worker-services.ts';

export interface PodManagerOptions {
  readonly services: Omit<WorkerServices, 'onDone'>;
  /** Whether all sources have said which pods they want; before that nothing is an orphan. */
  readonly sourcesReady: () => boolean;
}

export class PodManager {
  readonly #services: WorkerServices;
  readonly #options: PodManagerOptions;
  readonly #workers = new Map<string, PodWorker>();
  /** Ended here, and still visible in the API for a moment. */
  readonly #ended = new Set<string>();

  constructor(options: PodManagerOptions) {
    this.#options = options;
    this.#services = {
      ...options.services,
      onDone: (uid) => {
        if (this.#workers.get(uid)?.pod !== undefined) this.#ended.add(uid);
        this.#workers.delete(uid);
        this.#count();
      },
    };
  }

  /** A source wants this pod here, or wants it changed. */
  set(pod: Pod): void {
    const { uid } = podIdentity(pod);
    if (this.#ended.has(uid)) return;
    const worker = this.#workers.get(uid);
    if (worker !== undefined) return worker.update(pod);
    const created = new PodWorker(uid, pod, this.#services, this.#refusal(pod));
    this.#workers.set(uid, created);
    created.trigger();
    this.#count();
  }

  /** The source does not know this pod any more. */
  remove(uid: string): void {
    this.#ended.delete(uid);
    this.#workers.get(uid)?.update(undefined);
  }

  get(uid: string): Pod | undefined {
    return this.#workers.get(uid)?.pod;
  }

  find(namespace: string, name: string): Pod | undefined {
    return this.list().find((pod) => pod.metadata?.namespace === namespace && pod.metadata.name === name);
  }

  list(): Pod[] {
    return [...this.#workers.values()].flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
  }

  /** Something of this pod changed in the runtime. */
  runtimeChanged(uid: string): void {
    this.#workers.get(uid)?.trigger();
  }

  /** Looks for pods in the runtime that nobody wants, as after a long absence of this node. */
  observe(entries: ReadonlyMap<string, RuntimeEntry>): void {
    const { metrics } = this.#services;
    const states = new Map<string, number>();
    let sandboxes = 0;
    for (const { state, podUid } of entries.values()) {
      if (state === 'SANDBOX_READY') sandboxes += 1;
      if (state.startsWith('CONTAINER_')) states.set(state, (states.get(state) ?? 0) + 1);
      if (this.#workers.has(podUid) || !this.#options.sourcesReady()) continue;
      this.#services.log.info({ pod: podUid }, 'ending a pod that is not wanted here any more');
      const orphan = new PodWorker(podUid, undefined, this.#services);
      this.#workers.set(podUid, orphan);
      orphan.trigger();
    }
    metrics.runningPods.set(sandboxes);
    for (const state of ['created', 'running', 'exited', 'unknown']) {
      metrics.runningContainers.set(
        { container_state: state },
        states.get(`CONTAINER_${state.toUpperCase()}`) ?? 0,
      );
    }
  }

  /** Removes folders of pods that are neither wanted nor known to the runtime. */
  async removeLeftovers(entries: ReadonlyMap<string, RuntimeEntry>): Promise<void> {
    const alive = new Set([...entries.values()].map(({ podUid }) => podUid));
    for (const uid of await this.#services.volumes.known()) {
      if (!this.#workers.has(uid) && !alive.has(uid)) await this.#services.volumes.tearDown(uid);
    }
  }

  /** Brings the volumes of one pod up to date, or those of all. */
  refreshVolumes(uid?: string): void {
    if (uid !== undefined) this.#workers.get(uid)?.refreshVolumes();
    else for (const worker of this.#workers.values()) worker.refreshVolumes();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
  }

  /** Why a pod that has never begun must not begin. What is being ended makes room already. */
  #refusal(pod: Pod): PodOutcome | undefined {
    if (isStatic(pod) || pod.status?.startTime !== undefined || pod.metadata?.deletionTimestamp !== undefined)
      return undefined;
    const others = [...this.#workers.values()].flatMap((worker) =>
      worker.pod === undefined || worker.terminating || worker.refused ? [] : [worker.pod],
    );
    return refusalOf(pod, others, this.#services.allocatable);
  }

  #count(): void {
    this.#services.metrics.desiredPods.set(this.list().length);
  }
}
