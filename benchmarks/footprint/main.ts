/** What an idle cluster costs: proportional memory and CPU of each kind of process. */
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { defineBenchmark } from '../benchmark.ts';
import { withCluster } from '../local-cluster.ts';

const settleMs = 15_000;
const windowMs = 30_000;
/** USER_HZ of every Linux that Node runs on. */
const ticksPerSecond = 100;

async function pssMiB(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}

/** CPU seconds of the process and of the children that it has waited for. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return [11, 12, 13, 14].reduce((sum, i) => sum + (fields[i] ?? 0), 0) / ticksPerSecond;
}

export const benchmark = defineBenchmark({
  summary: `memory (PSS) and CPU of every process of an idle cluster of 3 masters and 2 workers, over ${windowMs / 1000} s`,
  flags: {},
  run: () =>
    withCluster('footprint', { masters: 3, workers: 2 }, async (cluster) => {
      await pause(settleMs);
      const { hosts } = await cluster.status();
      const processes = hosts.flatMap((host) => host.processes.map((process) => ({ ...process, host })));
      const before = await Promise.all(processes.map(({ pid }) => cpuSeconds(pid)));
      await pause(windowMs);
      const after = await Promise.all(processes.map(({ pid }) => cpuSeconds(pid)));
      const measured = await Promise.all(
        processes.map(async (process, i) => ({
          ...process,
          pss: await pssMiB(process.pid),
          cpu: (((after[i] ?? 0) - (before[i] ?? 0)) / (windowMs / 1000)) * 100,
        })),
      );
      const sum = (list: typeof measured, field: 'pss' | 'cpu'): number =>
        list.reduce((total, each) => total + each[field], 0);
      const active = measured.filter(({ host }) => host.role === 'active');
      const masters = Object.values(
        Object.groupBy(
          measured.filter(({ host }) => host.kind === 'master'),
          ({ host }) => host.name,
        ),
      ).map((list) => sum(list ?? [], 'pss'));
      return {
        columns: ['host', 'role', 'component', 'PSS MiB', 'CPU %'],
        rows: [
          ...measured.map(({ host, component, pss, cpu }) => [
            host.name,
            host.role ?? host.kind,
            component,
            pss,
            cpu,
          ]),
          ['all', '', '', sum(measured, 'pss'), sum(measured, 'cpu')],
        ],
        figures: {
          'active master PSS MiB': sum(active, 'pss'),
          'largest master PSS MiB': Math.max(...masters),
          'cluster PSS MiB': sum(measured, 'pss'),
          'cluster CPU %': sum(measured, 'cpu'),
        },
        bounds: [],
        notes: [
          'CPU in percent of one core. The final bounds are 350 MiB for one master and 20 % for the cluster.',
        ],
      };
    }),
});
