/**
 * A store and an API server, ours or upstream's, as processes with TLS, RBAC and the cluster's certificates; and
 * upstream's controllers and scheduler, each with the client certificate of its own identity.
 */
import { createClient, type ApiClient } from '@timonier/client';
import { testPorts } from '@timonier/linux/test-ports';
import { type ClusterPki, createClusterPki, kubeletIdentity, writeKubeconfig } from '@timonier/pki';
import { createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../acceptance/wait.ts';
import { peerFile } from '../../peers/peer.ts';
import { LoggedProcess } from './process.ts';

const main = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url));
const issuer = 'https://kubernetes.default.svc.cluster.local';

export interface ControlPlaneOptions {
  readonly directory: string;
  readonly store: 'timonier' | 'etcd';
  /** The program of that name unless told. */
  readonly etcd?: string;
  readonly apiServer: 'timonier' | 'kube-apiserver';
  /** Processes of our API server. */
  readonly workers: number;
  /** Nodes that will have a certificate. */
  readonly nodes: readonly string[];
  /** Controllers of ours that run in the place of upstream's. */
  readonly own?: readonly OwnController[];
}

/** Controllers of ours that upstream has under these names. */
export const upstreamNames = {
  deployment: 'deployment-controller',
  replicaset: 'replicaset-controller',
  daemonset: 'daemonset-controller',
  statefulset: 'statefulset-controller',
  cronjob: 'cronjob-controller',
  job: 'job-controller',
  disruption: 'disruption-controller',
  csrapproving: 'certificatesigningrequest-approving-controller',
  csrsigning: 'certificatesigningrequest-signing-controller',
  csrcleaner: 'certificatesigningrequest-cleaner-controller',
  ephemeralvolume: 'ephemeral-volume-controller',
  clusterroleaggregation: 'clusterrole-aggregation-controller',
  endpointslicemirroring: 'endpointslice-mirroring-controller',
  ttlafterfinished: 'ttl-after-finished-controller',
} as const;

export type OwnController = keyof typeof upstreamNames;

export function isOwnController(name: string): name is OwnController {
  return Object.hasOwn(upstreamNames, name);
}

type Flags = Readonly<Record<string, string>>;

export class ControlPlane {
  readonly pki: ClusterPki;
  readonly directory: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly #options: ControlPlaneOptions;
  readonly #processes: LoggedProcess[] = [];
  readonly #counts = new Map<string, number>();
  readonly #loopPorts = new Map<string, number>();
  readonly #ports: {
    readonly store: number;
    readonly peer: number;
    readonly api: number;
    readonly storeMetrics: number;
  };
  #apiServer: LoggedProcess | undefined;

  private constructor(options: ControlPlaneOptions, pki: ClusterPki, ports: readonly number[]) {
    const [store = 0, peer = 0, api = 0, storeMetrics = 0] = ports;
    this.#options = options;
    this.#ports = { store, peer, api, storeMetrics };
    this.directory = options.directory;
    this.pki = pki;
    this.url = `https://127.0.0.1:${api}`;
  }

  /** Resolves when the API server is ready; leaves no process behind when it does not get so far. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const { directory } = options;
    await mkdir(directory, { recursive: true });
    const pki = await createClusterPki(join(directory, 'pki'), {
      masters: [{ name: 'master-1', address: '127.0.0.1' }],
      workers: options.nodes.map((name) => ({ name, address: '192.0.2.1' })),
      serviceIp: '10.96.0.1',
    });
    const plane = new ControlPlane(options, pki, await testPorts(4));
    try {
      plane.#startStore();
      plane.#apiServer = plane.#startApiServer();
      await plane.#untilReady();
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  /** Where the store shows its metrics to everybody. */
  get storeMetricsUrl(): string {
    return `http://127.0.0.1:${this.#ports.storeMetrics}/metrics`;
  }

  get processes(): readonly LoggedProcess[] {
    return this.#processes;
  }

  /** Only one certificate and no bearer token: what this may do is what RBAC gives its user. */
  client(identity: string): ApiClient {
    const files = this.pki.files(identity);
    return createClient({
      servers: [this.url],
      ca: readFileSync(this.pki.caFile),
      cert: readFileSync(files.certificateFile),
      key: readFileSync(files.keyFile),
      userAgent: identity,
    });
  }

  kubelet(node: string): ApiClient {
    return this.client(kubeletIdentity(node));
  }

  async kubeconfig(identity: string): Promise<string> {
    const files = this.pki.files(identity);
    const path = join(this.directory, `${identity}.kubeconfig`);
    await writeKubeconfig(path, {
      name: identity,
      server: this.url,
      ca: readFileSync(this.pki.caFile, 'utf8'),
      certificate: readFileSync(files.certificateFile, 'utf8'),
      key: readFileSync(files.keyFile, 'utf8'),
    });
    return path;
  }

  /**
   * Our scheduler or controllers as processes of their own, all controllers unless told; resolves with where they show
   * their metrics.
   */
  async startOwnLoop(
    name: 'scheduler' | 'controller-manager',
    controllers: readonly string[] = [],
  ): Promise<string> {
    const [port = 0] = await testPorts(1);
    const address = `127.0.0.1:${port}`;
    const kubeconfig = await this.kubeconfig(name);
    this.#start(name, process.execPath, [main, name], {
      kubeconfig,
      'ops-address': address,
      ...(controllers.length === 0 ? {} : { controllers: controllers.join(',') }),
      ...(name === 'controller-manager' ? this.#signingFlags() : {}),
    });
    return `http://${address}/metrics`;
  }

  /** Of the latest process of upstream's with this name; administrators may see it. */
  metricsUrlOf(program: 'kube-controller-manager' | 'kube-scheduler'): string {
    return `https://127.0.0.1:${this.#loopPorts.get(program) ?? 0}/metrics`;
  }

  /** With every controller that is on by default but those that are ours, and the two for bootstrap tokens. */
  async startControllerManager(): Promise<LoggedProcess> {
    const kubeconfig = await this.kubeconfig('controller-manager');
    return this.#startLoop('kube-controller-manager', kubeconfig, {
      controllers: [
        '*',
        'bootstrap-signer-controller',
        'token-cleaner-controller',
        ...(this.#options.own ?? []).map((name) => `-${upstreamNames[name]}`),
      ].join(','),
      'use-service-account-credentials': 'true',
      'root-ca-file': this.pki.caFile,
      ...this.#signingFlags(),
      'service-account-private-key-file': this.pki.serviceAccountKeyFile,
      'allocate-node-cidrs': 'true',
      'cluster-cidr': '10.244.0.0/16',
      'service-cluster-ip-range': '10.96.0.0/16',
      // StorageClasses of kubernetes.io/host-path get their volumes from here: folders below /tmp/hostpath_pv.
      'enable-hostpath-provisioner': 'true',
      // A node that is silent is noticed within seconds; everything else is as upstream has it.
      'node-monitor-period': '1s',
      'node-monitor-grace-period': '8s',
      'node-startup-grace-period': '8s',
      'horizontal-pod-autoscaler-sync-period': '3s',
      'pvclaimbinder-sync-period': '5s',
      'kube-api-qps': '200',
      'kube-api-burst': '400',
    });
  }

  #signingFlags(): Flags {
    return {
      'cluster-signing-cert-file': this.pki.caFile,
      'cluster-signing-key-file': this.pki.caKeyFile,
    };
  }

  async startScheduler(): Promise<LoggedProcess> {
    return this.#startLoop('kube-scheduler', await this.kubeconfig('scheduler'), {
      'kube-api-qps': '200',
      'kube-api-burst': '400',
    });
  }

  /** Ends it and starts another one with the same flags; resolves when that is ready. */
  async restartApiServer(): Promise<void> {
    await this.#apiServer?.stop();
    this.#apiServer = this.#startApiServer();
    await this.#untilReady();
  }

  /** As whatever runs them would: a loop that could not renew its lease in time ends itself. */
  async restartEndedLoops(): Promise<void> {
    const lives = (name: string): boolean => this.#processes.some((one) => one.name === name && one.alive);
    if (!lives('kube-controller-manager')) await this.startControllerManager();
    if (!lives('kube-scheduler')) await this.startScheduler();
  }

  async close(): Promise<void> {
    for (const running of this.#processes.toReversed()) await running.stop();
  }

  async #startLoop(
    program: 'kube-controller-manager' | 'kube-scheduler',
    kubeconfig: string,
    flags: Flags,
  ): Promise<LoggedProcess> {
    const [port = 0] = await testPorts(1);
    this.#loopPorts.set(program, port);
    return this.#start(program, peerFile(program), [], {
      kubeconfig,
      'authentication-kubeconfig': kubeconfig,
      'authorization-kubeconfig': kubeconfig,
      'client-ca-file': this.pki.caFile,
      'requestheader-client-ca-file': this.pki.frontProxyCaFile,
      'bind-address': '127.0.0.1',
      'secure-port': String(port),
      'cert-dir': join(this.directory, `${program}-certificates`),
      'leader-elect': 'true',
      profiling: 'false',
      v: '2',
      ...flags,
    });
  }

  #startStore(): void {
    const server = this.pki.files('store-server');
    const [url, peerUrl] = [`https://127.0.0.1:${this.#ports.store}`, `http://127.0.0.1:${this.#ports.peer}`];
    const flags = {
      name: 'm1',
      'data-dir': join(this.directory, 'store'),
      'listen-client-urls': url,
      'advertise-client-urls': url,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `m1=${peerUrl}`,
      // With how long calls take.
      metrics: 'extensive',
      'listen-metrics-urls': `http://127.0.0.1:${this.#ports.storeMetrics}`,
      'cert-file': server.certificateFile,
      'key-file': server.keyFile,
      'trusted-ca-file': this.pki.caFile,
      'client-cert-auth': 'true',
    };
    if (this.#options.store === 'etcd')
      this.#start('etcd', this.#options.etcd ?? 'etcd', ['--log-level=error'], flags);
    else this.#start('store', process.execPath, [main, 'store', '--ops-address='], flags);
  }

  #startApiServer(): LoggedProcess {
    const { pki } = this;
    const [own, storeClient, kubeletClient, proxyClient] = [
      pki.files('apiserver'),
      pki.files('store-client'),
      pki.files('apiserver-kubelet-client'),
      pki.files('front-proxy-client'),
    ];
    const flags = {
      'etcd-servers': `https://127.0.0.1:${this.#ports.store}`,
      'etcd-cafile': pki.caFile,
      'etcd-certfile': storeClient.certificateFile,
      'etcd-keyfile': storeClient.keyFile,
      'bind-address': '127.0.0.1',
      // Not a loopback address: the Service kubernetes has an endpoint.
      'advertise-address': '192.0.2.10',
      'secure-port': String(this.#ports.api),
      'tls-cert-file': own.certificateFile,
      'tls-private-key-file': own.keyFile,
      'client-ca-file': pki.caFile,
      'kubelet-client-certificate': kubeletClient.certificateFile,
      'kubelet-client-key': kubeletClient.keyFile,
      'kubelet-certificate-authority': pki.caFile,
      'proxy-client-cert-file': proxyClient.certificateFile,
      'proxy-client-key-file': proxyClient.keyFile,
      'requestheader-client-ca-file': pki.frontProxyCaFile,
      'requestheader-allowed-names': 'front-proxy-client',
      'service-account-issuer': issuer,
      'service-account-signing-key-file': pki.serviceAccountKeyFile,
      'service-cluster-ip-range': '10.96.0.0/16',
      'enable-bootstrap-token-auth': 'true',
      'authorization-mode': 'Node,RBAC',
    };
    if (this.#options.apiServer === 'kube-apiserver') {
      return this.#start('kube-apiserver', peerFile('kube-apiserver'), [], {
        ...flags,
        'requestheader-username-headers': 'X-Remote-User',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'service-account-key-file': this.#serviceAccountPublicKey(),
        'enable-admission-plugins': 'NodeRestriction',
        'cert-dir': join(this.directory, 'kube-apiserver-certificates'),
      });
    }
    return this.#start('apiserver', process.execPath, [main, 'apiserver', '--ops-address='], {
      ...flags,
      'internal-port': '0',
      workers: String(this.#options.workers),
    });
  }

  /** kube-apiserver takes no public key out of a private one in PKCS #8. */
  #serviceAccountPublicKey(): string {
    const path = join(this.directory, 'sa.pub');
    const key = createPublicKey(readFileSync(this.pki.serviceAccountKeyFile));
    writeFileSync(path, key.export({ type: 'spki', format: 'pem' }));
    return path;
  }

  #start(name: string, file: string, args: readonly string[], flags: Flags): LoggedProcess {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const all = [...args, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
    const started = new LoggedProcess(name, file, all, join(this.directory, `${name}-${count}.log`));
    this.#processes.push(started);
    return started;
  }

  async #untilReady(): Promise<void> {
    const client = this.client('admin');
    try {
      await until('the API server is ready', 120_000, async () => {
        if (this.#apiServer?.alive === false) return true;
        return (await client.request('GET', '/readyz')).status === 200 ? true : undefined;
      });
      this.#apiServer?.mustLive();
    } catch (error) {
      const logs = this.#processes.map((one) => `--- ${one.name}\n${one.log().slice(-3_000)}`).join('\n');
      throw new Error(`the control plane did not start:\n${logs}`, { cause: error });
    } finally {
      await client.close();
    }
  }
}
