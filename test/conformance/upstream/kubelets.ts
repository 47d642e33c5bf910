/**
 * Nodes without machines: each is registered, renews its lease, reports what its pods would do, and removes the ones
 * that are to go, by the calls that a kubelet makes and with the certificate of its node.
 *
 * A container with the command `true` succeeds, one with `false` fails, every other one runs. A pod with the
 * annotation `readiness: "false"` runs and is not ready for as long as it has it.
 */
import { type ContainerStatus, type Node, type Pod, resources, type Taint } from '@timonier/api';
import {
  type ApiClient,
  type CatchingInformer,
  ConnectionError,
  createInformer,
  objectKey,
} from '@timonier/client';

const leaseSeconds = 8;
const renewMs = 1_500;
/** So that a node which was silent for a while is ready again. */
const reportMs = 5_000;
/** How long a container takes that ends. */
const runMs = 500;
const kubeletVersion = 'v1.36.3';

interface NodeOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
}

export class Kubelets {
  readonly #clientOf: (node: string) => ApiClient;
  readonly #kubelets = new Map<string, Kubelet>();

  constructor(clientOf: (node: string) => ApiClient) {
    this.#clientOf = clientOf;
  }

  get names(): readonly string[] {
    return [...this.#kubelets.keys()];
  }

  /** Resolves when the node is registered and said to be ready. */
  async add(name: string, options: NodeOptions = {}): Promise<void> {
    const kubelet = new Kubelet(name, this.#clientOf(name), this.#kubelets.size);
    this.#kubelets.set(name, kubelet);
    await kubelet.register(options);
  }

  /** From now on the node is silent. */
  async lose(name: string): Promise<void> {
    await this.#kubelets.get(name)?.stop();
    this.#kubelets.delete(name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#kubelets.values()].map((kubelet) => kubelet.stop()));
  }

  /** What went wrong in a kubelet's calls, once each. */
  get troubles(): readonly string[] {
    return [...new Set([...this.#kubelets.values()].flatMap(({ troubles }) => [...troubles]))];
  }
}

class Kubelet {
  readonly troubles = new Set<string>();
  readonly #name: string;
  readonly #client: ApiClient;
  readonly #index: number;
  readonly #started = new Map<string, { readonly at: number; readonly ip: string }>();
  readonly #work = new Map<string, Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #pods: CatchingInformer<Pod> | undefined;
  #addresses = 1;
  #stopped = false;

  constructor(name: string, client: ApiClient, index: number) {
    this.#name = name;
    this.#client = client;
    this.#index = index;
  }

  async register({ labels = {}, taints = [] }: NodeOptions): Promise<void> {
    const node: Node = {
      metadata: {
        name: this.#name,
        // As kubelets do by default: volumes are attached for them.
        annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
        labels: {
          'kubernetes.io/hostname': this.#name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': 'amd64',
          ...labels,
        },
      },
      spec: { taints: [...taints] },
    };
    await this.#client.create(resources.nodes, node);
    await this.#reportNode();
    await this.#client.create(resources.leases, {
      metadata: { name: this.#name, namespace: 'kube-node-lease' },
      spec: { holderIdentity: this.#name, leaseDurationSeconds: leaseSeconds, renewTime: microTime() },
    });
    await this.#client.create(resources.csinodes, { metadata: { name: this.#name }, spec: { drivers: [] } });
    this.#pods = createInformer(this.#client, resources.pods, {
      fieldSelector: `spec.nodeName=${this.#name}`,
      onError: (error) => this.#trouble('watching its pods', error),
    });
    this.#pods.on(({ type, object }) => {
      if (type === 'deleted') this.#started.delete(object.metadata?.uid ?? '');
      else this.#do(`pod ${objectKey(object)}`, () => this.#follow(object));
    });
    this.#timers.push(
      setInterval(() => this.#do('lease', () => this.#renew()), renewMs),
      setInterval(() => this.#do('status', () => this.#reportNode()), reportMs),
      setInterval(() => {
        for (const pod of this.#pods?.list() ?? [])
          this.#do(`pod ${objectKey(pod)}`, () => this.#follow(pod));
      }, runMs),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#pods?.stop();
    await Promise.all(this.#work.values());
    await this.#client.close();
  }

  #trouble(what: string, error: unknown): void {
    // A server that is away is no answer of it.
    if (!this.#stopped && !(error instanceof ConnectionError))
      this.troubles.add(`${this.#name}, ${what}: ${(error as Error).message}`);
  }

  /** One piece of work per thing at a time; what fails is done again at the next tick. */
  #do(thing: string, work: () => Promise<void>): void {
    if (this.#stopped || this.#work.has(thing)) return;
    const done = work()
      .catch((error: unknown) => {
        // A pod may have gone or changed meanwhile.
        if (!/not found|Conflict|modified|precondition/i.test(String(error))) this.#trouble(thing, error);
      })
      .finally(() => this.#work.delete(thing));
    this.#work.set(thing, done);
  }

  async #reportNode(): Promise<void> {
    const time = now();
    const conditions = (
      [
        ['MemoryPressure', 'False', 'KubeletHasSufficientMemory'],
        ['DiskPressure', 'False', 'KubeletHasNoDiskPressure'],
        ['PIDPressure', 'False', 'KubeletHasSufficientPID'],
        ['Ready', 'True', 'KubeletReady'],
      ] as const
    ).map(([type, status, reason]) => ({
      type,
      status,
      reason,
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    }));
    const amounts = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' };
    const status = {
      capacity: amounts,
      allocatable: amounts,
      conditions,
      addresses: [
        { type: 'InternalIP', address: `192.0.2.${100 + this.#index}` },
        { type: 'Hostname', address: this.#name },
      ],
      nodeInfo: { kubeletVersion, operatingSystem: 'linux', architecture: 'amd64' },
    };
    await this.#client.patch(
      resources.nodes,
      { name: this.#name },
      'strategic',
      { status },
      { subresource: 'status' },
    );
  }

  async #renew(): Promise<void> {
    const key = { namespace: 'kube-node-lease', name: this.#name };
    await this.#client.patch(resources.leases, key, 'merge', { spec: { renewTime: microTime() } });
  }

  async #follow(pod: Pod): Promise<void> {
    const { name = '', namespace, uid = '', deletionTimestamp, annotations = {} } = pod.metadata ?? {};
    const key = { namespace, name };
    if (deletionTimestamp !== undefined && deletionTimestamp !== null) {
      await this.#client.delete(resources.pods, key, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    const started = this.#started.get(uid) ?? {
      at: Date.now(),
      ip: `10.244.${this.#index}.${(this.#addresses++ % 250) + 2}`,
    };
    this.#started.set(uid, started);
    const isReady = annotations['readiness'] !== 'false';
    const status = statusOf(pod, started, isReady, Date.now() - started.at >= runMs);
    if (isReported(pod, status)) return;
    await this.#client.patch(resources.pods, key, 'strategic', { status }, { subresource: 'status' });
  }
}

interface Reported {
  readonly phase: string;
  readonly conditions: readonly { readonly type: string; readonly status: string }[];
  readonly [name: string]: unknown;
}

function statusOf(
  pod: Pod,
  started: { readonly at: number; readonly ip: string },
  isReady: boolean,
  hasRun: boolean,
): Reported {
  const containers = pod.spec?.containers ?? [];
  const codes = containers.map(({ command }) =>
    !hasRun ? undefined : command?.[0] === 'true' ? 0 : command?.[0] === 'false' ? 1 : undefined,
  );
  const policy = pod.spec?.restartPolicy ?? 'Always';
  const restarts = (code: number | undefined): boolean =>
    code !== undefined && (policy === 'Always' || (policy === 'OnFailure' && code !== 0));
  const ended = codes.every((code) => code !== undefined && !restarts(code));
  const failed = codes.some((code) => code !== undefined && code !== 0);
  const phase = !ended ? 'Running' : failed ? 'Failed' : 'Succeeded';
  const ready = phase === 'Running' && isReady && codes.every((code) => code === undefined);
  const startedAt = timeOf(started.at);
  const containerStatuses = containers.map(({ name, image = '' }, i): ContainerStatus => ({
    name,
    image,
    imageID: `sha256:${'0'.repeat(64)}`,
    containerID: `timonier://${(pod.metadata?.uid ?? '').replaceAll('-', '')}`,
    ready,
    started: ready,
    restartCount: restarts(codes[i]) ? 1 : 0,
    state:
      codes[i] === undefined
        ? { running: { startedAt } }
        : {
            terminated: {
              exitCode: codes[i],
              reason: codes[i] === 0 ? 'Completed' : 'Error',
              startedAt,
              finishedAt: timeOf(started.at + runMs),
            },
          },
  }));
  const condition = (type: string, holds: boolean) => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: now(),
    ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}),
  });
  return {
    phase,
    hostIP: '192.0.2.1',
    podIP: started.ip,
    podIPs: [{ ip: started.ip }],
    startTime: startedAt,
    conditions: [
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    containerStatuses,
  };
}

/** Whether the pod's status says already what matters. */
function isReported(pod: Pod, wanted: Reported): boolean {
  if (pod.status?.phase !== wanted.phase) return false;
  const ready = (conditions: readonly { type: string; status: string }[] | undefined): string | undefined =>
    conditions?.find(({ type }) => type === 'Ready')?.status;
  return ready(pod.status.conditions) === ready(wanted.conditions);
}

function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function now(): string {
  return timeOf(Date.now());
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
