/**
 * `timonier status`: the hosts of a cluster as they are now, for people or with `-o json` for programs. A host is
 * ready when all of its processes say that they are, and when it runs pods, its node is Ready as well.
 */
import { stringFlag, UsageError } from '@timonier/component';
import { type LocalCluster, openCluster } from '../cluster/local-cluster.ts';
import { type HostView, observeHost } from '../cluster/observe.ts';
import { operationsTargets } from '../cluster/operations.ts';
import { type Unready, unreadyOf } from '../cluster/readiness.ts';
import { adminClient, readyNodes } from '../cluster/start.ts';
import { defineVerb, clusterFlags } from './verb.ts';

/** How long masters are asked for their nodes, one after the other. */
const askForMs = 3_000;

export interface HostStatus {
  readonly name: string;
  readonly kind: 'master' | 'worker';
  readonly role: 'active' | 'passive' | null;
  readonly epoch: number | null;
  readonly address: string;
  readonly ready: boolean;
  /** Why it is not ready while it runs; empty when it is ready, frozen or down. */
  readonly unready: readonly Unready[];
  readonly state: 'running' | 'frozen' | 'down';
  readonly processes: readonly { readonly component: string; readonly pid: number }[];
}

export interface ClusterStatus {
  readonly name: string;
  readonly phase: string;
  readonly hosts: readonly HostStatus[];
  readonly vip: string;
  readonly kubeconfig: string;
  readonly apiServers: readonly string[];
  readonly loopback: { readonly api: string | null; readonly metrics: string | null };
}

async function clusterStatus(cluster: LocalCluster): Promise<ClusterStatus> {
  // The first master may be the one that is down.
  const api = adminClient(cluster, { retryForMs: askForMs });
  const targets = operationsTargets(cluster);
  const [nodes, views] = await Promise.all([
    readyNodes(api),
    Promise.all(
      cluster.hosts.map(async (host) => {
        const view = await observeHost(host);
        const own = targets.filter((target) => target.host === view.name);
        return { ...view, unready: view.running && !view.frozen ? await unreadyOf(own) : [] };
      }),
    ),
  ]);
  await api.close();
  const { record, plan } = cluster;
  return {
    name: record.spec.name,
    phase: record.phase,
    hosts: views.map((view, index) => {
      const runs = view.running && !view.frozen;
      const schedulable = plan.hosts[index]?.schedulable === true;
      const unready = runs ? [...view.unready, ...missing(view, schedulable, nodes)] : [];
      return {
        name: view.name,
        kind: view.kind,
        role: view.role,
        epoch: view.epoch,
        address: view.address,
        ready: runs && unready.length === 0,
        unready,
        state: !view.running ? 'down' : view.frozen ? 'frozen' : 'running',
        processes: view.processes.map(({ component, pid }) => ({ component, pid })),
      };
    }),
    vip: plan.vip,
    kubeconfig: record.kubeconfig,
    apiServers: [plan.vip, ...cluster.masters.map((host) => host.plan.address)].map(
      (address) => `https://${address}:6443`,
    ),
    loopback: record.forwards,
  };
}

/** What a host's processes cannot say themselves: that its supervisor knows the office, and that others see its node. */
function missing(
  view: HostView,
  schedulable: boolean,
  nodes: ReadonlySet<string> | undefined,
): readonly Unready[] {
  const found: Unready[] = [];
  if (view.kind === 'master' && view.role === null)
    found.push({ component: 'master', reason: 'does not say yet who is active' });
  if (schedulable && nodes === undefined)
    found.push({ component: 'node', reason: 'no API server says whether it is Ready' });
  else if (schedulable && nodes?.has(view.name) !== true)
    found.push({ component: 'node', reason: 'is not Ready' });
  return found;
}

export const status = defineVerb({
  name: 'status',
  usage: '[-o json]',
  summary: 'shows the hosts of a cluster and who is active',
  examples: ['timonier status', 'timonier status -o json | jq \'.hosts[] | select(.role == "active").name\''],
  flags: {
    ...clusterFlags,
    output: stringFlag('table', 'table or json'),
    o: stringFlag('', 'the same, shorter'),
  },
  needsRoot: true,
  run: async ({ flags }) => {
    const output = flags.o || flags.output;
    if (output !== 'table' && output !== 'json')
      throw new UsageError(`--output is table or json, not "${output}"`);
    const found = await clusterStatus(openCluster(flags));
    process.stdout.write(output === 'json' ? `${JSON.stringify(found, null, 2)}\n` : table(found));
    return 0;
  },
});

function table(found: ClusterStatus): string {
  const rows = found.hosts.map((host) => [
    host.name,
    host.role === null ? '-' : host.role === 'active' ? `active, epoch ${host.epoch}` : 'passive',
    host.address,
    host.state === 'running' ? (host.ready ? 'ready' : 'not ready') : host.state,
    host.processes.map(({ component }) => component).join(' '),
  ]);
  const header = ['HOST', 'ROLE', 'ADDRESS', 'STATE', 'PROCESSES'];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [header, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd(),
  );
  for (const { name, unready } of found.hosts) {
    // A host that is cut off gives one reason for everything on it.
    for (const [reason, same] of Map.groupBy(unready, (one) => one.reason))
      lines.push(`${name} is not ready: ${same.map(({ component }) => component).join(', ')}: ${reason}`);
  }
  return `${lines.join('\n')}\n\nAPI ${found.apiServers[0] ?? ''}, kubeconfig ${found.kubeconfig}\n`;
}
