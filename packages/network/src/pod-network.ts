/**
 * Keeps the pod network of one host as its Node list says: CNI configuration, routes to other nodes' pods, and
 * masquerading of pods that talk to the outside. Level-triggered: each pass reads what the kernel has and applies
 * the difference, so it repairs what others removed and may be run at any time.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Node } from '@timonier/api';
import { CommandError, loadNftables, runIpBatch } from './commands.ts';
import { ownAddresses, prepareForwarding, readRoutes, readUplinkMtu, routeProtocol } from './host-state.ts';
import { cniConfiguration, egressRules, planNetwork, routeChanges } from './plan.ts';

export interface PodNetworkOptions {
  readonly nodeName: string;
  /** Range of all pods of the cluster, such as 10.244.0.0/16. */
  readonly podRange: string;
  /** Where the runtime looks for its network; `/etc/cni/net.d/10-timonier.conflist` by default. */
  readonly cniConfigPath?: string;
}

export interface PodNetworkResult {
  readonly podCidr: string | undefined;
  readonly routesChanged: number;
  /** Settings that the kernel or the container around us refused; networking may work without them. */
  readonly refusedSettings: readonly string[];
  /** What the kernel said to a route it refused, such as one over an address that is not on a shared network. */
  readonly routeProblem: string | undefined;
}

const egressTable = 'timonier_network';

export class PodNetwork {
  readonly #options: PodNetworkOptions;
  #loadedRules: string | undefined;

  constructor(options: PodNetworkOptions) {
    this.#options = options;
  }

  /** One pass. Rejects when a part could not be applied; the next pass starts over. */
  async apply(nodes: readonly Node[]): Promise<PodNetworkResult> {
    const { nodeName, podRange, cniConfigPath = '/etc/cni/net.d/10-timonier.conflist' } = this.#options;
    const plan = planNetwork(nodes, nodeName, ownAddresses());
    const refusedSettings = await prepareForwarding();

    if (plan.podCidr !== undefined) {
      await writeIfChanged(cniConfigPath, cniConfiguration(plan.podCidr, await readUplinkMtu()));
    }
    const changes = routeChanges(await readRoutes(), plan.routes, routeProtocol);
    const rules = egressRules(egressTable, plan.podCidr, podRange);
    if (rules !== this.#loadedRules) {
      await loadNftables(rules);
      this.#loadedRules = rules;
    }
    // One node that cannot be reached keeps neither the others' routes nor this host from working.
    const routeProblem = await runIpBatch(changes, true).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof CommandError) return error.stderr.trim();
        throw error;
      },
    );
    return { podCidr: plan.podCidr, routesChanged: changes.length, refusedSettings, routeProblem };
  }
}

/** Replaces the file whole, so that a runtime that watches the folder never reads half of it. */
async function writeIfChanged(path: string, text: string): Promise<void> {
  const current = await readFile(path, 'utf8').catch(() => undefined);
  if (current === text) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
