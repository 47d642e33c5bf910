/** What `up` says at the end: who is active, where the API is, what to try, how to stop. */
import type { LocalCluster } from './local-cluster.ts';
import { observeHost } from './observe.ts';

export async function summary(cluster: LocalCluster, tookMs: number, detached: boolean): Promise<string> {
  const { record, plan } = cluster;
  const { name } = record.spec;
  const views = await Promise.all(cluster.masters.map(observeHost));
  const active = views.find((view) => view.role === 'active');
  const nameArgument = name === 'default' ? '' : ` --name ${name}`;
  const command = './bin/timonier';
  const masters = cluster.masters.length;
  const lines = [
    '',
    `Cluster "${name}" is up after ${(tookMs / 1000).toFixed(1)} s: ${masters} ${masters === 1 ? 'master' : 'masters'}, ${record.spec.workers} workers.`,
    `  active       ${active === undefined ? 'changing just now' : `${active.name} (epoch ${active.epoch})`}`,
    `  API          https://${plan.vip}:6443${record.forwards.api === null ? '' : `, also https://${record.forwards.api}`}`,
    `  metrics      http://${record.forwards.metrics ?? '-'}`,
    `  kubeconfig   ${record.kubeconfig}`,
    `               merge it into yours: KUBECONFIG=~/.kube/config:${record.kubeconfig} kubectl config view --flatten`,
    '',
    'Try:',
    `  ${command} kubectl${nameArgument} get nodes -o wide`,
    `  ${command} kubectl${nameArgument} apply -f deploy/examples/hello.yaml`,
    `  ${command} chaos${nameArgument} kill ${active?.name ?? 'master-1'} && ${command} status${nameArgument}`,
    '',
    detached ? `Stop it with: ${command} down${nameArgument}` : 'Stop it with Ctrl-C.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}
