/** The sandbox of a pod in the words of CRI, DNS settings included: pure but for the host's resolver file. */
import { readFileSync } from 'node:fs';
import type { Pod } from '@timonier/api';
import type * as cri from '@timonier/grpc/cri';
import { podNameLabel, podNamespaceLabel, podUidLabel } from '../runtime/labels.ts';
import { ConfigError } from './environment.ts';
import { sandboxSecurity } from './linux-config.ts';
import { podIdentity, qosClass, type QosClass } from './pod-facts.ts';

export interface SandboxSettings {
  readonly logRoot: string;
  /** Cgroup below which pods live, such as `/` or `/host/worker-1`. */
  readonly cgroupParent: string;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly resolvConf: string;
}

export type SandboxConfig = cri.Draft<cri.PodSandboxConfig>;

export function podLogDirectory(pod: Pod, logRoot: string): string {
  const { namespace, name, uid } = podIdentity(pod);
  return `${logRoot}/${namespace}_${name}_${uid}`;
}

function podCgroup(pod: Pod, parent: string): string {
  return cgroupOf(podIdentity(pod).uid, qosClass(pod), parent);
}

export function cgroupOf(uid: string, qos: QosClass, parent: string): string {
  const level = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
  return `${parent.replace(/\/+$/, '')}/kubepods${level}/pod${uid}`;
}

/** Throws a `ConfigError` for what the pod must have and this node has not, because a pod without it would not be safe. */
export function sandboxConfig(pod: Pod, attempt: number, settings: SandboxSettings): SandboxConfig {
  if (pod.spec?.hostUsers === false)
    throw new ConfigError("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const { namespace, name, uid } = podIdentity(pod);
  const dns = dnsConfig(pod, settings);
  const sysctls = Object.fromEntries(
    (pod.spec?.securityContext?.sysctls ?? []).map((one) => [one.name, one.value]),
  );
  return {
    metadata: { name, uid, namespace, attempt },
    ...(pod.spec?.hostNetwork === true ? {} : { hostname: podHostname(pod) }),
    logDirectory: podLogDirectory(pod, settings.logRoot),
    ...(dns === undefined ? {} : { dnsConfig: dns }),
    portMappings: [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].flatMap(
      (container) =>
        (container.ports ?? [])
          .filter(({ hostPort }) => hostPort !== undefined && hostPort !== 0)
          .map(({ protocol = 'TCP', containerPort, hostPort, hostIP }) => ({
            protocol,
            containerPort,
            ...(hostPort === undefined ? {} : { hostPort }),
            ...(hostIP === undefined ? {} : { hostIp: hostIP }),
          })),
    ),
    labels: {
      ...pod.metadata?.labels,
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
    },
    annotations: pod.metadata?.annotations ?? {},
    linux: {
      cgroupParent: podCgroup(pod, settings.cgroupParent),
      securityContext: sandboxSecurity(pod),
      sysctls,
    },
  };
}

const longestHostname = 63;

export function podHostname(pod: Pod): string {
  const name = pod.spec?.hostname ?? podIdentity(pod).name;
  return name.slice(0, longestHostname).replace(/[-.]+$/, '');
}

function dnsConfig(pod: Pod, settings: SandboxSettings): cri.Draft<cri.DNSConfig> | undefined {
  const { dnsPolicy = 'ClusterFirst', dnsConfig: extra, hostNetwork } = pod.spec ?? {};
  const host = readResolvConf(settings.resolvConf);
  const cluster =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true);
  const namespace = podIdentity(pod).namespace;
  const domain = settings.clusterDomain;
  const base =
    dnsPolicy === 'None'
      ? { servers: [], searches: [], options: [] }
      : cluster && settings.clusterDns.length > 0
        ? {
            servers: settings.clusterDns,
            searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches],
            options: ['ndots:5'],
          }
        : host;
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? '', option]));
  for (const { name = '', value } of extra?.options ?? []) {
    options.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return {
    servers: [...new Set([...base.servers, ...(extra?.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(extra?.searches ?? [])])],
    options: [...options.values()],
  };
}

function readResolvConf(path: string): { servers: string[]; searches: string[]; options: string[] } {
  const found = { servers: [] as string[], searches: [] as string[], options: [] as string[] };
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // A host without resolvers has pods without resolvers.
  }
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver') found.servers.push(...rest.slice(0, 1));
    if (word === 'search') found.searches = rest.filter((search) => search !== '.');
    if (word === 'options') found.options = rest;
  }
  return found;
}
