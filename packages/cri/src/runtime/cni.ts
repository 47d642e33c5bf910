/**
 * Calls CNI plugins (CNI 1.0): reads the first network configuration of a folder, and runs its chain of plugins for
 * ADD in order and for DEL in reverse, each with the previous result.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PortMapping } from '@timonier/grpc/cri';
import { runProgram } from './spawn.ts';

export interface NetworkList {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

export interface PodNetwork {
  readonly sandboxId: string;
  readonly namespacePath: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly portMappings: readonly PortMapping[];
}

const pluginTimeoutMs = 30_000;
const interfaceName = 'eth0';

/** The network that pods join: the first file by name, as all CNI users choose. Undefined when there is none. */
function readNetwork(folder: string): NetworkList | undefined {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return undefined;
  }
  for (const name of names) {
    if (!/\.(?:conflist|conf|json)$/.test(name)) continue;
    const file = join(folder, name);
    const json = JSON.parse(readFileSync(file, 'utf8')) as Partial<NetworkList> & { type?: string };
    const plugins = json.plugins ?? (json.type === undefined ? [] : [json]);
    if (plugins.length === 0) continue;
    return { name: json.name ?? 'default', cniVersion: json.cniVersion ?? '0.3.1', plugins };
  }
  return undefined;
}

export class Cni {
  readonly #confDir: string;
  readonly #binDirs: readonly string[];

  constructor(confDir: string, binDirs: readonly string[]) {
    this.#confDir = confDir;
    this.#binDirs = binDirs;
  }

  /** Throws a sentence that says why there is no usable network. */
  network(): NetworkList {
    const network = readNetwork(this.#confDir);
    if (network === undefined) throw new Error(`no CNI network configuration in ${this.#confDir}`);
    return network;
  }

  /** Connects a pod. Resolves with the last plugin's result; after a failure what was done is undone. */
  async add(pod: PodNetwork): Promise<unknown> {
    const network = this.network();
    let result: unknown;
    for (const plugin of network.plugins) {
      try {
        result = await this.#run('ADD', network, plugin, pod, result);
      } catch (error) {
        await this.remove(pod, undefined).catch(() => undefined);
        throw error;
      }
    }
    return result;
  }

  /** Disconnects a pod; what is gone already is fine. */
  async remove(pod: PodNetwork, previous: unknown): Promise<void> {
    const network = readNetwork(this.#confDir);
    if (network === undefined) return;
    for (const plugin of network.plugins.toReversed()) await this.#run('DEL', network, plugin, pod, previous);
  }

  async #run(
    command: 'ADD' | 'DEL',
    network: NetworkList,
    plugin: Readonly<Record<string, unknown>>,
    pod: PodNetwork,
    previous: unknown,
  ): Promise<unknown> {
    const type = String(plugin['type']);
    const path = this.#binDirs.map((folder) => join(folder, type)).find((file) => existsSync(file));
    if (path === undefined) throw new Error(`CNI plugin "${type}" is not in ${this.#binDirs.join(', ')}`);
    const { capabilities, ...rest } = plugin as { capabilities?: Record<string, boolean> };
    const config = {
      ...rest,
      name: network.name,
      cniVersion: network.cniVersion,
      ...(capabilities?.['portMappings'] === true
        ? { runtimeConfig: { portMappings: portMappings(pod) } }
        : {}),
      ...(previous === undefined ? {} : { prevResult: previous }),
    };
    const result = await runProgram(path, [], {
      input: JSON.stringify(config),
      timeoutMs: pluginTimeoutMs,
      env: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.sandboxId,
        CNI_NETNS: pod.namespacePath,
        CNI_IFNAME: interfaceName,
        CNI_PATH: this.#binDirs.join(':'),
        CNI_ARGS: [
          'IgnoreUnknown=1',
          `K8S_POD_NAMESPACE=${pod.podNamespace}`,
          `K8S_POD_NAME=${pod.podName}`,
          `K8S_POD_INFRA_CONTAINER_ID=${pod.sandboxId}`,
          `K8S_POD_UID=${pod.podUid}`,
        ].join(';'),
      },
    });
    const text = result.stdout.toString('utf8').trim();
    if (result.code !== 0) throw new Error(`CNI ${type} ${command}: ${failure(text, result.stderr)}`);
    return text === '' ? previous : (JSON.parse(text) as unknown);
  }
}

function failure(stdout: string, stderr: Buffer): string {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: string; details?: string };
    return [msg, details].filter((part) => part !== undefined && part !== '').join(': ');
  } catch {
    return `${stdout} ${stderr.toString('utf8')}`.trim();
  }
}

function portMappings(pod: PodNetwork): object[] {
  return pod.portMappings
    .filter((mapping) => mapping.hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIp }) => ({
      hostPort,
      containerPort,
      protocol: protocol.toLowerCase(),
      ...(hostIp === '' ? {} : { hostIP: hostIp }),
    }));
}

/** The pod's addresses in a CNI result, without prefix lengths. */
export function addressesOf(result: unknown): string[] {
  const { ips } = (result ?? {}) as { ips?: { address?: string }[] };
  return (ips ?? []).flatMap(({ address }) => (address === undefined ? [] : [address.replace(/\/.*$/, '')]));
}
