/**
 * The scheduling loop of one term of office: takes pods from the queue, places them on the picture of the cluster,
 * assumes the result, and binds in the background. Placing is synchronous and single, so two pods never count on the
 * same room; binding is concurrent up to a bound.
 */
import { type Binding, type Pod, resources } from '@timonier/api';
import {
  type ApiClient,
  type CatchingInformer,
  type EventRecorder,
  isNotFound,
  type ResourceType,
  type Stoppable,
  type Term,
} from '@timonier/client';
import type { Node } from '@timonier/api';
import { ClusterState } from './cluster-state.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { seeksCompany } from './plugins/company.ts';
import { place, type Placement, type SearchState } from './pipeline.ts';
import type { Profile } from './profile.ts';
import { SchedulingQueue } from './queue.ts';

export interface SchedulerContext {
  readonly client: ApiClient;
  readonly pods: CatchingInformer<Pod>;
  readonly nodes: CatchingInformer<Node>;
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly term: Term;
  readonly recorder: EventRecorder;
  readonly metrics: SchedulerMetrics;
  readonly log: { warn(fields: object, message: string): void };
}

const maxBindings = 64;
/** Pods placed before other work (events, answers) gets a turn. */
const placementsPerTurn = 32;

const bindings: ResourceType<Binding> = { ...resources.pods, kind: 'Binding' } as ResourceType<Binding>;

export function startScheduling(context: SchedulerContext): Stoppable {
  const run = new SchedulerRun(context);
  run.start();
  return run;
}

class SchedulerRun implements Stoppable {
  readonly #context: SchedulerContext;
  readonly #cluster = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #search: SearchState = { offset: 0, random: Math.random };
  readonly #unsubscribe: (() => void)[] = [];
  readonly #binding = new Set<Promise<void>>();
  /** Pods out of the queue: being placed or bound. */
  readonly #inFlight = new Set<string>();
  /** When pods that have no node yet could first be tried. */
  readonly #since = new Map<string, number>();
  /** Pods that may not be tried yet. */
  readonly #gated = new Set<string>();
  /** True once a pod was seen that wants others near it: then each placement may be somebody's chance. */
  #someSeekCompany = false;
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(context: SchedulerContext) {
    this.#context = context;
    this.#queue = new SchedulingQueue(undefined, (queue, event) => context.metrics.queued(queue, event));
  }

  start(): void {
    const { pods, nodes } = this.#context;
    this.#unsubscribe.push(
      nodes.on(({ type, object, previous }) => {
        if (type === 'deleted') this.#cluster.removeNode(object.metadata?.name ?? '');
        else this.#cluster.setNode(object);
        const event =
          type === 'added'
            ? 'NodeAdd'
            : type === 'updated' && previous !== undefined
              ? growthOf(previous, object)
              : undefined;
        if (event !== undefined) this.#moveAll(event);
      }),
      pods.on(({ type, object, previous }) => {
        if (type === 'deleted') this.#podGone(object);
        else this.#podSeen(object, previous);
      }),
    );
    for (const node of nodes.list()) this.#cluster.setNode(node);
    for (const pod of pods.list()) this.#podSeen(pod, undefined);
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const end of this.#unsubscribe) end();
    clearImmediate(this.#turn);
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#binding);
  }

  #podSeen(pod: Pod, previous: Pod | undefined): void {
    const uid = pod.metadata?.uid ?? '';
    this.#cluster.setPod(pod);
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (finished || (pod.spec?.nodeName ?? '') !== '') {
      this.#forgetWaiting(uid);
      const placed = previous !== undefined && (previous.spec?.nodeName ?? '') === '';
      if (placed && this.#someSeekCompany) this.#moveAll('AssignedPodAdd');
      if (finished && previous !== undefined && previous.status?.phase !== pod.status?.phase)
        this.#moveAll('AssignedPodDelete');
      return;
    }
    const ours = this.#context.profiles.has(pod.spec?.schedulerName ?? 'default-scheduler');
    if (!ours || pod.metadata?.deletionTimestamp !== undefined) {
      this.#forgetWaiting(uid);
      return;
    }
    if ((pod.spec?.schedulingGates?.length ?? 0) > 0) {
      this.#gated.add(uid);
      return;
    }
    this.#gated.delete(uid);
    if (this.#inFlight.has(uid)) return;
    if (!this.#since.has(uid)) this.#since.set(uid, performance.now());
    // Our own note in the status is no reason to try again.
    const changed = previous !== undefined && previous.metadata?.generation !== pod.metadata?.generation;
    this.#someSeekCompany ||= seeksCompany(pod);
    this.#queue.set(pod, changed);
    this.#wake();
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    this.#forgetWaiting(uid);
    const held = this.#cluster.isPlaced(uid);
    this.#cluster.removePod(uid);
    if (held) this.#moveAll('AssignedPodDelete');
  }

  #forgetWaiting(uid: string): void {
    this.#queue.delete(uid);
    this.#gated.delete(uid);
    this.#since.delete(uid);
  }

  #moveAll(event: string): void {
    this.#queue.moveAll(performance.now(), event);
    this.#wake();
  }

  #wake(): void {
    if (this.#stopped || this.#turn !== undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    clearTimeout(this.#timer);
    const next = this.#queue.flush(performance.now());
    for (let i = 0; i < placementsPerTurn && this.#binding.size < maxBindings; i++) {
      const entry = this.#queue.pop();
      if (entry === undefined) break;
      this.#try(entry.pod, entry.attempts, entry.moves);
    }
    const { metrics } = this.#context;
    metrics.pending({ ...this.#queue.counts(), gated: this.#gated.size });
    const { nodes, podCount, assumedCount } = this.#cluster;
    metrics.cached({ nodes: nodes.length, pods: podCount, assumed: assumedCount });
    if (this.#queue.counts().active > 0 && this.#binding.size < maxBindings) this.#wake();
    if (next !== undefined) {
      this.#timer = setTimeout(() => this.#wake(), Math.max(1, next - performance.now()));
    }
  }

  #try(queued: Pod, attempts: number, moves: number): void {
    const { pods, profiles, metrics } = this.#context;
    const key = { namespace: queued.metadata?.namespace, name: queued.metadata?.name ?? '' };
    const pod = pods.get(key);
    const uid = queued.metadata?.uid ?? '';
    if (pod === undefined || pod.metadata?.uid !== uid || this.#cluster.isPlaced(uid)) return;
    const profile = profiles.get(pod.spec?.schedulerName ?? 'default-scheduler');
    if (profile === undefined) return;
    const startedAt = performance.now();
    const name = profile.schedulerName;
    const placement = place(pod, this.#cluster, profile, this.#search, (point, status, seconds) =>
      metrics.point(point, status, name, seconds),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    metrics.placed(seconds);
    const task =
      'node' in placement
        ? this.#bind(pod, profile, placement, attempts, startedAt)
        : this.#reject(pod, placement);
    if (!('node' in placement)) {
      metrics.attempt('unschedulable', name, seconds);
      this.#queue.unschedulable(pod, attempts, moves, performance.now());
    }
    this.#binding.add(task);
    void task.finally(() => {
      this.#binding.delete(task);
      this.#wake();
    });
  }

  async #bind(
    pod: Pod,
    profile: Profile,
    { node, cycle }: Extract<Placement, { node: string }>,
    attempts: number,
    startedAt: number,
  ): Promise<void> {
    const { client, term, recorder, log, metrics } = this.#context;
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    this.#cluster.assume(pod, node);
    this.#inFlight.add(uid);
    const { schedulerName } = profile;
    const since = this.#since.get(uid) ?? startedAt;
    const secondsSince = (then: number): number => (performance.now() - then) / 1_000;
    for (const { plugin } of profile.plugins) plugin.reserve?.(cycle, node);
    let bindingSince: number | undefined;
    try {
      for (const { plugin } of profile.plugins) await plugin.permit?.(cycle, node, term.signal);
      const binding: Binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      };
      bindingSince = performance.now();
      await client.create(bindings, binding, { ...term.write, subresource: 'binding' });
      const message = `Successfully assigned ${namespace}/${name} to ${node}`;
      recorder.event(pod, 'Normal', 'Scheduled', message);
      metrics.point('Bind', 'Success', schedulerName, secondsSince(bindingSince));
      metrics.attempt('scheduled', schedulerName, secondsSince(startedAt));
      metrics.bound(attempts, secondsSince(since));
    } catch (error) {
      for (const { plugin } of profile.plugins.toReversed()) plugin.unreserve?.(cycle, node);
      this.#cluster.forget(pod);
      if (this.#stopped || term.signal.aborted || isNotFound(error)) return;
      if (bindingSince !== undefined)
        metrics.point('Bind', 'Error', schedulerName, secondsSince(bindingSince));
      metrics.attempt('error', schedulerName, secondsSince(startedAt));
      log.warn(
        { err: error, pod: `${namespace}/${name}`, node },
        'binding failed, the pod will be tried again',
      );
      if (!this.#cluster.isPlaced(uid)) this.#queue.retry(pod, attempts, performance.now());
    } finally {
      this.#inFlight.delete(uid);
    }
  }

  async #reject(pod: Pod, { message }: Extract<Placement, { message: string }>): Promise<void> {
    const { client, term, recorder, log } = this.#context;
    const { name = '', namespace } = pod.metadata ?? {};
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message && known.reason === 'Unschedulable') return;
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime:
        known?.status === 'False'
          ? known.lastTransitionTime
          : new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    try {
      await client.patch(
        resources.pods,
        { namespace, name },
        'strategic',
        { metadata: { uid: pod.metadata?.uid }, status: { conditions: [condition] } },
        { ...term.write, subresource: 'status' },
      );
    } catch (error) {
      if (!this.#stopped && !isNotFound(error)) {
        log.warn({ err: error, pod: `${namespace ?? ''}/${name}` }, 'cannot note that the pod fits nowhere');
      }
    }
  }
}

/** What of a node's change may let pods in that did not fit before, by upstream's name; undefined when nothing. */
function growthOf(before: Node, after: Node): string | undefined {
  const parts: readonly (readonly [string, (node: Node) => unknown])[] = [
    ['NodeUpdateNodeTaint', ({ spec }) => [spec?.unschedulable, spec?.taints]],
    ['NodeUpdateNodeLabel', ({ metadata }) => metadata?.labels],
    ['NodeUpdateNodeAllocatable', ({ status }) => status?.allocatable],
  ];
  return parts.find(([, part]) => JSON.stringify(part(before)) !== JSON.stringify(part(after)))?.[0];
}
