/**
 * One small cluster that many scenarios share, used through the real kubectl. What the API says of pods and events is
 * followed by two long-running `kubectl get --watch`, so that a scenario waits for a condition without asking for it
 * again and again, and can look back at everything that was seen.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ConfigMap, ContainerStatus, Event, Pod, Secret } from '@timonier/api';
import { Cluster } from '../acceptance/cluster.ts';
import { type CommandOptions, mustRun, type Output, run } from '../acceptance/command.ts';
import { unpackKubectls } from '../acceptance/kubectl.ts';
import { until } from '../acceptance/wait.ts';

export const image = 'timonier.local/demo:latest';
export const node = 'worker-1';
const waitMs = 120_000;
const maxHistory = 20_000;

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

/**
 * What `kubectl get --watch -o json` prints, one object after the other. Connections end with an office, which a master that is
 * short of a processor may lose for a moment: kubectl ends with its connection, and another one begins with what is there.
 */
class Watch<T> {
  readonly history: T[] = [];
  readonly #begin: () => ChildProcessByStdio<null, Readable, null>;
  readonly #listeners = new Set<() => void>();
  #child: ChildProcess | undefined;
  #isClosed = false;

  constructor(kubectl: string, kubeconfig: string, resource: string) {
    this.#begin = () =>
      spawn(kubectl, ['get', resource, '--watch', '-o', 'json'], {
        env: { ...process.env, KUBECONFIG: kubeconfig },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
    this.#follow();
  }

  #follow(): void {
    const child = this.#begin();
    this.#child = child;
    child.once('close', () => {
      setTimeout(() => {
        if (!this.#isClosed) this.#follow();
      }, 200).unref();
    });
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split(/^}\n/m);
      rest = parts.pop() ?? '';
      for (const part of parts) this.history.push(JSON.parse(`${part}}`) as T);
      this.history.splice(0, this.history.length - maxHistory);
      for (const listener of this.#listeners) listener();
    });
  }

  /** The first object that fits, of the past or of the future. */
  find<S>(what: string, select: (objects: readonly T[]) => S | undefined, deadlineMs = waitMs): Promise<S> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        reject(new Error(`not within ${deadlineMs / 1000} s: ${what}; last seen: ${describe(this.history)}`));
      }, deadlineMs);
      const look = (): void => {
        const found = select(this.history);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(found);
      };
      this.#listeners.add(look);
      look();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#child?.kill('SIGKILL');
  }
}

function describe(history: readonly unknown[]): string {
  return JSON.stringify(history.at(-1))?.slice(0, 2_000) ?? 'nothing';
}

export interface PodSketch {
  readonly containers: readonly (Partial<Container> & { readonly script?: string })[];
  readonly metadata?: Pod['metadata'];
  readonly spec?: Omit<Partial<NonNullable<Pod['spec']>>, 'containers'>;
}

export class PodBench {
  readonly cluster: Cluster;
  readonly kubectlPath: string;
  readonly #folder: string;
  #pods: Watch<Pod> | undefined;
  #events: Watch<Event> | undefined;

  private constructor(cluster: Cluster, kubectlPath: string, folder: string) {
    this.cluster = cluster;
    this.kubectlPath = kubectlPath;
    this.#folder = folder;
  }

  static async open(): Promise<PodBench> {
    const folder = await mkdtemp(join(tmpdir(), 'timonier-pods-'));
    const kubectls = await unpackKubectls(join(folder, 'kubectl'));
    const cluster = new Cluster(
      {
        name: `pods${randomBytes(2).toString('hex')}`,
        dataDir: join(folder, 'data'),
        masters: 1,
        workers: 1,
        runtime: process.env['TIMONIER_TEST_RUNTIME'] === 'containerd' ? 'containerd' : 'timonier',
      },
      kubectls,
    );
    const bench = new PodBench(cluster, kubectls[0]?.path ?? '', folder);
    try {
      await cluster.up();
    } catch (error) {
      await bench.close();
      throw error;
    }
    bench.#pods = new Watch<Pod>(bench.kubectlPath, cluster.kubeconfig, 'pods');
    bench.#events = new Watch<Event>(bench.kubectlPath, cluster.kubeconfig, 'events');
    return bench;
  }

  async close(): Promise<void> {
    this.#pods?.close();
    this.#events?.close();
    await this.cluster.down();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async create(object: Pod | ConfigMap | Secret): Promise<void> {
    await this.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  }

  /** Creates a pod of demo containers; `script` is run by the container's shell. */
  async run(name: string, sketch: PodSketch): Promise<void> {
    await this.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...sketch.metadata, name },
      spec: {
        terminationGracePeriodSeconds: 1,
        ...sketch.spec,
        containers: sketch.containers.map(container),
      },
    });
  }

  /** Waits until the pod fits, now or at some time since it was made. */
  until(name: string, what: string, fits: (pod: Pod) => boolean, deadlineMs?: number): Promise<Pod> {
    if (this.#pods === undefined) throw new Error('the cluster is not up');
    return this.#pods.find(
      `${name} ${what}`,
      (pods) => pods.findLast((pod) => pod.metadata?.name === name && fits(pod)),
      deadlineMs,
    );
  }

  ready(name: string): Promise<Pod> {
    return this.until(name, 'is Ready', isReady);
  }

  /** Every state of the pod that was seen, oldest first. */
  history(name: string): readonly Pod[] {
    return this.#pods?.history.filter((pod) => pod.metadata?.name === name) ?? [];
  }

  event(name: string, reason: string, message = /(?:)/): Promise<Event> {
    if (this.#events === undefined) throw new Error('the cluster is not up');
    return this.#events.find(`event ${reason} of ${name}`, (events) =>
      events.findLast(
        (event) =>
          event.involvedObject?.name === name && event.reason === reason && message.test(event.message ?? ''),
      ),
    );
  }

  /** Runs kubectl, which must succeed. */
  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return mustRun(this.kubectlPath, args, { ...options, env: this.env });
  }

  /** Runs kubectl for what it prints on and on: `until` resolves when that matches, `all` when it has ended well. */
  follow(args: readonly string[]): { until(wanted: RegExp): Promise<void>; readonly all: Promise<string> } {
    const child = spawn(this.kubectlPath, args, {
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const all = once(child, 'close').then(([code]: unknown[]) => {
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${String(code)}: ${printed}`);
      return printed;
    });
    all.catch(() => undefined);
    return {
      all,
      until: async (wanted) => {
        await until(`kubectl ${args.join(' ')} prints ${String(wanted)}`, waitMs, () =>
          wanted.test(printed) || child.exitCode !== null ? true : undefined,
        );
      },
    };
  }

  tryKubectl(args: readonly string[], options: CommandOptions = {}): Promise<Output> {
    return run(this.kubectlPath, args, { ...options, env: this.env });
  }

  /** Runs a line of shell in the pod. */
  sh(pod: string, script: string, ...options: readonly string[]): Promise<string> {
    return this.kubectl(['exec', pod, ...options, '--', 'sh', '-c', script]);
  }

  get env(): Record<string, string> {
    return { KUBECONFIG: this.cluster.kubeconfig };
  }
}

/** A container that sleeps unless its sketch says otherwise, and ends when asked to. */
export function container({ script, ...rest }: Partial<Container> & { readonly script?: string }): Container {
  const line = script ?? 'trap "exit 0" TERM; while :; do sleep 0.2; done';
  return {
    name: 'main',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', line],
    ...rest,
  };
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

export function statusOf(pod: Pod, name = 'main'): ContainerStatus | undefined {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find(
    (status) => status.name === name,
  );
}
