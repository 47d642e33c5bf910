/**
 * A cluster on this machine as a whole: its files, its network, its hosts; made in order and taken away completely.
 * Removal works from the plan alone and is idempotent, so it serves a failed start, a normal stop and the leftovers
 * of a killed `up` alike.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createClusterPki, kubeconfigDocument, kubeconfigText, kubeletIdentity } from '@timonier/pki';
import { type HostConfig } from '@timonier/worker/host-config';
import { stringify } from 'yaml';
import { Host } from '../hosts/host.ts';
import { createSwitch, removeSwitch } from '../hosts/network.ts';
import { forwardStores, hostStoreEndpoints, installStoreTls } from './store-endpoints.ts';
import { type ClusterPlan, planCluster } from './plan.ts';
import type { TcpForward } from './tcp-forward.ts';
import { type ClusterRecord, clusterNames, readRecord, removeRecord } from './record.ts';

const ranges = {
  podRange: '10.244.0.0/16',
  serviceRange: '10.96.0.0/16',
  apiServiceAddress: '10.96.0.1',
  dnsServiceAddress: '10.96.0.10',
  clusterDomain: 'cluster.local',
};

export class LocalCluster {
  #storeForwards: readonly TcpForward[] = [];
  readonly record: ClusterRecord;
  readonly plan: ClusterPlan;
  readonly hosts: readonly Host[];

  constructor(record: ClusterRecord) {
    this.record = record;
    this.plan = planCluster(record.spec);
    this.hosts = this.plan.hosts.map((host) => new Host(this.plan, host, record.dataDir));
  }

  get pkiDir(): string {
    return join(this.record.dataDir, 'pki');
  }

  get masters(): readonly Host[] {
    return this.hosts.filter((host) => host.plan.kind === 'master');
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.plan.name === name);
    if (found !== undefined) return found;
    const names = this.hosts.map((host) => host.plan.name).join(', ');
    throw new Error(`cluster "${this.record.spec.name}" has no host "${name}"; it has ${names}`);
  }

  /** Certificates, kubeconfigs and host.json of every host, and the kubeconfig for people. */
  async writeFiles(): Promise<void> {
    const { plan } = this;
    const byKind = (kind: 'master' | 'worker'): { name: string; address: string }[] =>
      plan.hosts.filter((host) => host.kind === kind).map(({ name, address }) => ({ name, address }));
    const pki = await createClusterPki(this.pkiDir, {
      masters: byKind('master'),
      workers: byKind('worker'),
      vip: plan.vip,
      serviceIp: ranges.apiServiceAddress,
      clusterDomain: ranges.clusterDomain,
    });
    const ca = readFileSync(pki.caFile, 'utf8');
    const kubeconfig = (identity: string): string => {
      const { certificateFile, keyFile } = pki.files(identity);
      return kubeconfigText({
        name: this.record.spec.name,
        server: `https://${plan.vip}:6443`,
        ca,
        certificate: readFileSync(certificateFile, 'utf8'),
        key: readFileSync(keyFile, 'utf8'),
      });
    };
    const { storeTls } = this.record.spec;
    for (const host of this.hosts) {
      host.prepare();
      const pkiDir = join(host.configDir, 'pki');
      mkdirSync(pkiDir, { recursive: true, mode: 0o700 });
      copyFileSync(pki.caFile, join(pkiDir, 'ca.crt'));
      if (host.plan.kind === 'master') {
        copyFileSync(pki.serviceAccountKeyFile, join(pkiDir, 'sa.key'));
        copyFileSync(pki.caKeyFile, join(pkiDir, 'ca.key'));
        copyFileSync(pki.encryptionFile, join(pkiDir, 'encryption.yaml'));
        copyFileSync(pki.frontProxyCaFile, join(pkiDir, 'front-proxy-ca.crt'));
      }
      const kubelet = kubeletIdentity(host.plan.name);
      for (const [name, identity] of identitiesOf(host.plan.kind, kubelet)) {
        const { certificateFile, keyFile } = pki.files(identity);
        copyFileSync(certificateFile, join(pkiDir, `${name}.crt`));
        copyFileSync(keyFile, join(pkiDir, `${name}.key`));
        if (clientIdentities.has(name)) {
          writeFileSync(join(host.configDir, `${name}.kubeconfig`), kubeconfig(identity), { mode: 0o600 });
        }
      }
      const config: HostConfig = {
        cluster: this.record.spec.name,
        name: host.plan.name,
        kind: host.plan.kind,
        address: host.plan.address,
        interface: 'eth0',
        masters: byKind('master'),
        vip: plan.vip,
        schedulable: host.plan.schedulable,
        runtime: this.record.spec.runtime,
        storeEndpoints: hostStoreEndpoints(plan),
        ...(storeTls === undefined || host.plan.kind !== 'master'
          ? {}
          : { storeTls: installStoreTls(storeTls, pkiDir) }),
        ...(host.plan.kind === 'master'
          ? { apiserverArguments: this.record.spec.apiserverArguments ?? [] }
          : {}),
        ...ranges,
      };
      writeFileSync(join(host.configDir, 'host.json'), `${JSON.stringify(config, null, 2)}\n`);
    }
    this.writeKubeconfig(null);
  }

  /** The administrator's kubeconfig; with a second context for the loopback address once that is known. */
  writeKubeconfig(loopback: string | null): void {
    const { name } = this.record.spec;
    const read = (file: string): string => readFileSync(join(this.pkiDir, file), 'utf8');
    const document = (context: string, server: string): Record<string, unknown> =>
      kubeconfigDocument({
        name: context,
        server,
        ca: read('ca.crt'),
        certificate: read('admin.crt'),
        key: read('admin.key'),
      });
    const main = document(`timonier-${name}`, `https://${this.plan.vip}:6443`);
    if (loopback !== null) {
      const second = document(`timonier-${name}-loopback`, `https://${loopback}`);
      for (const list of ['clusters', 'users', 'contexts']) {
        main[list] = [...(main[list] as unknown[]), ...(second[list] as unknown[])];
      }
    }
    writeFileSync(this.record.kubeconfig, stringify(main, { lineWidth: 0 }), { mode: 0o600 });
  }

  async createNetwork(): Promise<void> {
    await createSwitch(this.plan);
    this.#storeForwards = await forwardStores(this.plan);
  }

  /** Stops the hosts and takes away everything the kernel knows of the cluster; the data stays. */
  async remove(stopTimeoutMs: number): Promise<void> {
    const failures: unknown[] = [];
    const forwards = this.#storeForwards;
    this.#storeForwards = [];
    const attempt = async (work: Promise<void>): Promise<void> => {
      await work.catch((error: unknown) => void failures.push(error));
    };
    await Promise.all(
      this.hosts.map(async (host) => {
        await attempt(host.stop(stopTimeoutMs));
        await attempt(host.destroy());
      }),
    );
    for (const forward of forwards) await attempt(forward.close());
    await attempt(removeSwitch(this.plan));
    // The record goes only when there is nothing left to find.
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
    removeRecord(this.record);
  }

  removeData(): void {
    rmSync(this.record.dataDir, { recursive: true, force: true });
  }
}

const clientIdentities: ReadonlySet<string> = new Set([
  'admin',
  'scheduler',
  'controller-manager',
  'cloud-controller-manager',
  'proxy',
  'dns',
  'kubelet',
]);

/** File name on the host → identity. A host gets the keys it needs and no others. */
function identitiesOf(kind: 'master' | 'worker', kubelet: string): readonly (readonly [string, string])[] {
  const everywhere = ['proxy', 'dns'] as const;
  const masters = [
    'admin',
    'scheduler',
    'controller-manager',
    'cloud-controller-manager',
    'apiserver',
    'apiserver-kubelet-client',
    'front-proxy-client',
    'store-peer',
    'store-server',
    'store-client',
  ] as const;
  return [
    ['kubelet', kubelet],
    ...everywhere.map((name) => [name, name] as const),
    ...(kind === 'master' ? masters.map((name) => [name, name] as const) : []),
  ];
}

/** The running cluster that the flags name. Throws with what to do when there is none. */
export function openCluster(flags: { readonly name: string; readonly 'data-dir': string }): LocalCluster {
  const { name } = flags;
  const record = readRecord(name);
  const wanted = flags['data-dir'];
  if (record !== undefined && (wanted === '' || resolve(wanted) === record.dataDir))
    return new LocalCluster(record);
  if (record !== undefined)
    throw new Error(`the running cluster "${name}" has its data in ${record.dataDir}`);
  const others = clusterNames();
  throw new Error(
    others.length === 0
      ? "no cluster runs on this machine; 'timonier up' starts one"
      : `no cluster "${name}" runs on this machine; running: ${others.join(', ')} (choose with --name)`,
  );
}
