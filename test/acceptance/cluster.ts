/**
 * A local cluster as a person meets it: brought up, looked at, broken and taken down through the `timonier` command
 * alone, and used through the real kubectl.
 */
import { fileURLToPath } from 'node:url';
import { type CommandOptions, mustRun, type Output, run } from './command.ts';
import type { EtcdHost } from './etcd-host.ts';
import type { Kubectl } from './kubectl.ts';
import { until } from './wait.ts';

const timonier = fileURLToPath(new URL('../../bin/timonier', import.meta.url));

export interface HostStatus {
  readonly name: string;
  readonly kind: 'master' | 'worker';
  readonly role: 'active' | 'passive' | null;
  readonly epoch: number | null;
  readonly address: string;
  readonly ready: boolean;
  readonly processes: readonly { readonly component: string; readonly pid: number }[];
}

export interface ClusterStatus {
  /** Addresses on the machine itself; null while `up` does not run. */
  readonly loopback: { readonly api: string | null; readonly metrics: string | null };
  readonly hosts: readonly HostStatus[];
  readonly kubeconfig: string;
  readonly apiServers: readonly string[];
}

export interface ClusterOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly masters: number;
  readonly workers: number;
  readonly runtime: 'timonier' | 'containerd';
  /** A foreign etcd over mutual TLS. */
  readonly store?: Pick<EtcdHost, 'endpoints' | 'tls'>;
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of its API servers, NAME=VALUE. */
  readonly apiserverArguments?: readonly string[];
}

export class Cluster {
  readonly options: ClusterOptions;
  readonly kubectls: readonly Kubectl[];
  kubeconfig = '';
  /** The name belongs to a cluster of somebody else, which is not ours to end. */
  #isTaken = false;

  constructor(options: ClusterOptions, kubectls: readonly Kubectl[]) {
    this.options = options;
    this.kubectls = kubectls;
  }

  async up(): Promise<void> {
    const { name, dataDir, masters, workers, runtime, store, env, apiserverArguments = [] } = this.options;
    const args = [
      'up',
      '--name',
      name,
      '--data-dir',
      dataDir,
      '--masters',
      `${masters}`,
      '--workers',
      `${workers}`,
      '--runtime',
      runtime,
      '--detach',
    ];
    for (const argument of apiserverArguments) args.push('--apiserver-arg', argument);
    if (store !== undefined) {
      const { ca, cert, key } = store.tls;
      args.push('--store-endpoints', store.endpoints);
      args.push('--store-cafile', ca, '--store-certfile', cert, '--store-keyfile', key);
    }
    try {
      await mustRun(timonier, args, { timeoutMs: 180_000, ...(env === undefined ? {} : { env }) });
    } catch (error) {
      this.#isTaken = error instanceof Error && error.message.includes('is running already');
      throw error;
    }
    this.kubeconfig = (await this.status()).kubeconfig;
  }

  async down(): Promise<void> {
    if (this.#isTaken) return;
    await mustRun(
      timonier,
      ['down', '--name', this.options.name, '--data-dir', this.options.dataDir, '--purge'],
      { timeoutMs: 180_000 },
    );
  }

  async status(): Promise<ClusterStatus> {
    return JSON.parse(
      await mustRun(timonier, [
        'status',
        '--name',
        this.options.name,
        '--data-dir',
        this.options.dataDir,
        '-o',
        'json',
      ]),
    ) as ClusterStatus;
  }

  chaos(
    verb: 'kill' | 'poweroff' | 'stop' | 'resume' | 'restart' | 'cut' | 'heal',
    host: string,
  ): Promise<string> {
    return mustRun(
      timonier,
      ['chaos', verb, host, '--name', this.options.name, '--data-dir', this.options.dataDir],
      { timeoutMs: 180_000 },
    );
  }

  /** Runs a command inside a host. */
  exec(host: string, command: readonly string[], options: CommandOptions = {}): Promise<string> {
    return mustRun(
      timonier,
      [
        'host',
        'exec',
        host,
        '--name',
        this.options.name,
        '--data-dir',
        this.options.dataDir,
        '--',
        ...command,
      ],
      options,
    );
  }

  /** Puts an image archive on every node. */
  async loadImage(archive: string): Promise<void> {
    const { name, dataDir } = this.options;
    await mustRun(timonier, ['image', 'load', archive, '--name', name, '--data-dir', dataDir]);
  }

  /** The newest kubectl, which must succeed. */
  kubectl(...args: readonly string[]): Promise<string> {
    return mustRun(this.#newest().path, args, { env: { KUBECONFIG: this.kubeconfig } });
  }

  tryKubectl(
    args: readonly string[],
    options: CommandOptions = {},
    kubectl: Kubectl = this.#newest(),
  ): Promise<Output> {
    return run(kubectl.path, args, { ...options, env: { KUBECONFIG: this.kubeconfig, ...options.env } });
  }

  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T;
  }

  /** The active master, once there is exactly one that is not `except`. */
  activeMaster(except?: string, deadlineMs = 60_000): Promise<HostStatus> {
    return until(`a master other than ${except ?? 'none'} is active`, deadlineMs, async () => {
      const active = (await this.status()).hosts.filter(
        (host) => host.role === 'active' && host.name !== except,
      );
      return active.length === 1 ? active[0] : undefined;
    });
  }

  /** A node that has just become ready is tainted until somebody has noticed, and gets no pods before. */
  async allNodesReady(count: number, deadlineMs = 120_000): Promise<void> {
    await until(`${count} nodes are Ready and take pods`, deadlineMs, async () => {
      const { items } = await this.get<{
        items: {
          spec: { taints?: { key: string }[] };
          status: { conditions: { type: string; status: string }[] };
        }[];
      }>('nodes');
      const ready = items.filter(
        ({ spec, status }) =>
          spec.taints?.some(({ key }) => key.startsWith('node.kubernetes.io/')) !== true &&
          status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      );
      return ready.length === count ? true : undefined;
    });
  }

  #newest(): Kubectl {
    const [newest] = this.kubectls;
    if (newest === undefined) throw new Error('no kubectl was unpacked');
    return newest;
  }
}
