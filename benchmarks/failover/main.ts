/**
 * How long nobody can write after a loss: of three stores, of etcd beside them, and of a whole cluster. From kill -9 of
 * who leads, or with `--silent` from the moment its link goes down, to the first write acknowledged elsewhere, seen by a
 * probe that opens a new connection to everybody every 10 ms.
 */
import { fileURLToPath } from 'node:url';
import { booleanFlag, choicesFlag } from '@timonier/component';
import { defineBenchmark, median, runsFlag } from '../benchmark.ts';
import { runInSandbox } from '../in-sandbox.ts';
import { processorTime } from '../processor-time.ts';
import { loseMasters } from './masters.ts';
import type { StoresInput } from './stores.ts';

const storesScript = fileURLToPath(new URL('./stores.ts', import.meta.url));
const parts = ['store', 'cluster'] as const;

function row(name: string, list: readonly number[]): (string | number)[] {
  return [name, list.length, Math.min(...list), median(list), Math.max(...list)];
}

export const benchmark = defineBenchmark({
  summary: 'loss of who leads, until the first write acknowledged elsewhere',
  flags: {
    kills: runsFlag(20, 'how many losses of each; of etcd a quarter'),
    silent: booleanFlag(false, 'the link goes down first, so that no connection closes'),
    only: choicesFlag(parts, 'what is lost'),
  },
  run: async ({ kills: runs, silent, only }, log) => {
    const loseStores = (program: StoresInput['program'], losses: number): Promise<number[]> =>
      runInSandbox<number[]>(storesScript, { program, losses, silent } satisfies StoresInput);
    const medianBound = silent ? 600 : 150;
    const worstBound = silent ? 1_000 : 500;
    const rows: (string | number)[][] = [];
    const figures: Record<string, number> = {};
    const bounded: string[] = [];
    const add = (what: string, title: string, list: readonly number[], isBounded: boolean): void => {
      rows.push(row(title, list));
      figures[`${what} median ms`] = median(list);
      figures[`${what} worst ms`] = Math.max(...list);
      if (isBounded) bounded.push(what);
    };
    const busySince = processorTime();
    if (only.includes('store')) {
      add('store', 'Timonier: 3 stores', await loseStores('timonier', runs), true);
      const peer = await loseStores('etcd', Math.max(5, Math.ceil(runs / 4)));
      add('etcd', 'etcd 3.4, 3 members', peer, false);
    }
    if (only.includes('cluster')) {
      const { anywhere, oneAddress } = await loseMasters(runs, silent, log);
      add('cluster', 'Timonier: API server, controllers and store', anywhere, true);
      add('one address', 'the same through the one address of the kubeconfig', oneAddress, false);
    }
    return {
      columns: ['what', 'losses', 'fastest ms', 'median ms', 'slowest ms'],
      rows,
      figures: { ...figures, 'busy share': busySince.busyShare() },
      bounds: bounded.flatMap((what) => [
        { figure: `${what} median ms`, atMost: medianBound },
        { figure: `${what} worst ms`, atMost: worstBound },
      ]),
      notes: [
        silent
          ? 'The link of who leads goes down, then its host dies: no connection closes.'
          : 'Who leads is killed with SIGKILL; the kernel closes its connections.',
        'Each loss comes as soon as who was lost before is back and ready. etcd runs with its default timeouts, as its users run it; ours as a master starts it (election timeout 400 ms).',
        `All processors were busy for ${Math.round(100 * busySince.busyShare())} % of the run.`,
      ],
    };
  },
});
