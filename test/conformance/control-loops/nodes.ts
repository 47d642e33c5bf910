/**
 * Nodes that exist only as objects, for tests of the control plane: they renew their leases, report their pods as
 * running and end the ones that are to go, as kubelets would.
 */
import { type Lease, type Node, type Pod, resources } from '@timonier/api';
import { type ApiClient, type CatchingInformer, createInformer, objectKey } from '@timonier/client';

const renewMs = 300;
/** A pod that has it ends at once, with this code; others run until they are deleted. */
export const exitCodeAnnotation = 'test/exit-code';

export class ObjectNodes {
  readonly pods: CatchingInformer<Pod>;
  readonly #client: ApiClient;
  readonly #alive = new Set<string>();
  readonly #work = new Map<string, Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(client: ApiClient) {
    this.#client = client;
    this.pods = createInformer(client, resources.pods);
    this.pods.on(({ type, object }) => {
      if (type !== 'deleted') this.#do(`pod ${objectKey(object)}`, () => this.#follow(object));
    });
    this.#timer = setInterval(() => {
      for (const name of this.#alive) this.#do(`node ${name}`, () => this.#renew(name));
      for (const pod of this.pods.list()) this.#do(`pod ${objectKey(pod)}`, () => this.#follow(pod));
    }, renewMs);
  }

  async add(name: string): Promise<void> {
    const node: Node = { metadata: { name, labels: { 'kubernetes.io/hostname': name } } };
    await this.#client.create(resources.nodes, node);
    const status = {
      allocatable: { cpu: '4', memory: '8Gi', pods: '50' },
      addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    };
    await this.#client.patch(resources.nodes, { name }, 'merge', { status }, { subresource: 'status' });
    await this.#client.create(resources.leases, {
      metadata: { name, namespace: 'kube-node-lease' },
      spec: { holderIdentity: name, leaseDurationSeconds: 8, renewTime: microTime() },
    });
    this.#alive.add(name);
  }

  /** From now on the node is silent, and its pods are nobody's. */
  lose(name: string): void {
    this.#alive.delete(name);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#alive.clear();
    await this.pods.stop();
    await Promise.all(this.#work.values());
  }

  /** One piece of work per thing at a time; what fails is done again at the next tick. */
  #do(thing: string, work: () => Promise<void>): void {
    if (this.#work.has(thing)) return;
    const done = work().then(
      () => undefined,
      () => undefined,
    );
    this.#work.set(thing, done);
    void done.then(() => this.#work.delete(thing));
  }

  async #renew(name: string): Promise<void> {
    const key = { namespace: 'kube-node-lease', name };
    const spec: Partial<Lease['spec'] & object> = { renewTime: microTime() };
    await this.#client.patch(resources.leases, key, 'merge', { spec });
  }

  async #follow(pod: Pod): Promise<void> {
    const { name = '', namespace, uid = '', deletionTimestamp } = pod.metadata ?? {};
    const key = { namespace, name };
    if (!this.#alive.has(pod.spec?.nodeName ?? '')) return;
    if (deletionTimestamp !== undefined) {
      await this.#client.delete(resources.pods, key, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    if (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true)
      return;
    const exitCode = pod.metadata?.annotations?.[exitCodeAnnotation];
    if (exitCode !== undefined) {
      await this.#client.patch(resources.pods, key, 'strategic', endedWith(pod, Number(exitCode)), {
        subresource: 'status',
      });
      return;
    }
    const podIP = `10.244.0.${(Number.parseInt(uid.slice(0, 4), 16) % 250) + 2}`;
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions };
    await this.#client.patch(resources.pods, key, 'strategic', { status }, { subresource: 'status' });
  }
}

function endedWith({ spec }: Pod, exitCode: number): object {
  const finishedAt = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const containerStatuses = (spec?.containers ?? []).map(({ name, image = '' }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode, finishedAt } },
  }));
  return { status: { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses } };
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
