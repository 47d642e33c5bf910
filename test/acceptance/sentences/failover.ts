/**
 * Sentence 2: writers and watchers go through the loss of the active master. No acknowledged object is missing; a
 * watcher that resumes by resource version sees every event once and in order, without relisting; the control plane
 * goes on doing its work.
 */
import { ApiSession } from '../api-session.ts';
import type { Cluster } from '../cluster.ts';
import { expect, until } from '../wait.ts';
import { helloManifest, readyPods } from './hello.ts';

const namespace = 'failover';
const path = `/api/v1/namespaces/${namespace}/configmaps`;

class Writer {
  readonly acknowledged: string[] = [];
  readonly #session: ApiSession;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(session: ApiSession, prefix: string) {
    this.#session = session;
    this.#done = this.#run(prefix);
  }

  /** A name whose outcome is unknown is tried again until it is known: 201, or 409 from an earlier attempt. */
  async #run(prefix: string): Promise<void> {
    for (let i = 0; !this.#stop.signal.aborted; i++) {
      const name = `${prefix}-${String(i).padStart(5, '0')}`;
      await until(`${name} is written`, 60_000, async () => {
        const { status, body } = await this.#session.send<{ message?: string }>('POST', path, {
          metadata: { name },
          data: { i: String(i) },
        });
        if (status === 201 || status === 409) return true;
        throw new Error(`writing ${name} answered ${status}: ${body.message ?? ''}`);
      });
      this.acknowledged.push(name);
    }
  }

  async stop(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#done;
    return this.acknowledged;
  }

  get failed(): Promise<void> {
    return this.#done;
  }
}

class Watcher {
  /** Names in the order of their ADDED events. */
  readonly added: string[] = [];
  resumes = 0;
  readonly #session: ApiSession;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(session: ApiSession, resourceVersion: string) {
    this.#session = session;
    this.#done = this.#run(resourceVersion);
  }

  async #run(from: string): Promise<void> {
    let last = from;
    while (!this.#stop.signal.aborted) {
      const query = `?watch=1&allowWatchBookmarks=true&resourceVersion=${last}`;
      for await (const { type, object } of this.#session.watch(path + query, 1_500, this.#stop.signal)) {
        expect(
          type !== 'ERROR',
          `the watch ended with an error: ${object.code ?? 0} ${object.message ?? ''}`,
        );
        const version = object.metadata.resourceVersion;
        expect(
          type === 'BOOKMARK' ? BigInt(version) >= BigInt(last) : BigInt(version) > BigInt(last),
          `event ${type} ${object.metadata.name} at ${version} came after ${last}`,
        );
        last = version;
        if (type === 'ADDED') this.added.push(object.metadata.name);
      }
      this.resumes++;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  get failed(): Promise<void> {
    return this.#done;
  }
}

export async function failover(cluster: Cluster): Promise<string> {
  await cluster.kubectl('apply', '-f', helloManifest);
  await readyPods(cluster, 4);
  await cluster.kubectl('create', 'namespace', namespace);
  const notes: string[] = [];
  for (const verb of ['kill', 'poweroff'] as const) notes.push(await round(cluster, verb));
  await cluster.kubectl('delete', 'namespace', namespace, '--timeout=60s');
  await cluster.kubectl('delete', '-f', helloManifest, '--timeout=60s');
  return notes.join('; ');
}

async function round(cluster: Cluster, verb: 'kill' | 'poweroff'): Promise<string> {
  const before = await cluster.activeMaster();
  const session = await ApiSession.open(cluster.kubeconfig);
  const list = await session.send<{ metadata: { resourceVersion: string } }>(
    'GET',
    path,
    undefined,
    {},
    60_000,
  );
  const watcher = new Watcher(session, list.body.metadata.resourceVersion);
  const writer = new Writer(session, verb);
  try {
    await Promise.race([
      until('20 writes are acknowledged', 60_000, () =>
        writer.acknowledged.length >= 20 ? true : undefined,
      ),
      writer.failed,
      watcher.failed,
    ]);
    const [victim] = await readyPods(cluster, 4);
    await cluster.chaos(verb, before.name);
    const atLoss = writer.acknowledged.length;
    const lost = Date.now();
    await until(`pod ${victim?.metadata.name ?? ''} is deleted in the gap`, 60_000, async () => {
      const { status } = await session.send(
        'DELETE',
        `/api/v1/namespaces/default/pods/${victim?.metadata.name ?? ''}`,
      );
      return status === 200 || status === 202 || status === 404 ? true : undefined;
    });
    const gap = Date.now() - lost;
    const active = await cluster.activeMaster(before.name);
    const { hosts } = await cluster.status();
    expect(
      hosts.every(({ kind, ready }) => kind !== 'worker' || ready),
      `without ${before.name} the status of the cluster calls its workers not ready`,
    );
    expect(
      (active.epoch ?? 0) > (before.epoch ?? 0),
      `the epoch went from ${before.epoch ?? 0} to ${active.epoch ?? 0}`,
    );
    await until('20 more writes are acknowledged', 60_000, () =>
      writer.acknowledged.length >= atLoss + 20 ? true : undefined,
    );
    const acknowledged = await writer.stop();
    await until('the watcher has seen every write', 60_000, () =>
      watcher.added.length >= acknowledged.length ? true : undefined,
    );
    await watcher.stop();
    expect(
      JSON.stringify(watcher.added) === JSON.stringify(acknowledged),
      `the watcher saw ${watcher.added.length} events for ${acknowledged.length} writes, or in another order`,
    );
    const { body } = await session.send<{ items: { metadata: { name: string } }[] }>(
      'GET',
      path,
      undefined,
      {},
      60_000,
    );
    const present = new Set(body.items.map((item) => item.metadata.name));
    const missing = acknowledged.filter((name) => !present.has(name));
    expect(missing.length === 0, `acknowledged but missing after ${verb}: ${missing.join(', ')}`);
    const after = await readyPods(cluster, 4);
    expect(
      !after.some((pod) => pod.metadata.uid === victim?.metadata.uid),
      'the pod deleted in the gap is still there',
    );
    return `${verb}: ${before.name} → ${active.name} in about ${gap} ms, ${acknowledged.length} writes, ${watcher.resumes} watch resumes`;
  } finally {
    await Promise.allSettled([writer.stop(), watcher.stop()]);
    session.close();
    await cluster.chaos('restart', before.name);
    await until(`${before.name} is back`, 60_000, async () =>
      (await cluster.status()).hosts.find((host) => host.name === before.name)?.ready === true
        ? true
        : undefined,
    );
  }
}
