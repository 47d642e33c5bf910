/** Single requests, a bounded number in flight: what each costs. */
import { percentile } from '../benchmark.ts';
import {
  applyDeployment,
  applyMap,
  createPod,
  getPod,
  patchPod,
  podCount,
  pods,
  updateStatus,
} from './calls.ts';
import { type Call, load } from './client.ts';
import { type Bench, meter, type Row } from './row.ts';

export const inFlight = 32;
const warmUp = 800;

function requests(name: string, count: number, call: (index: number) => Call): Row {
  return {
    needsPods: name !== 'create pod',
    run: (bench) => measure(bench, name, count, call),
  };
}

async function measure(
  bench: Bench,
  name: string,
  count: number,
  call: (index: number) => Call,
): Promise<void> {
  const { server, sessions, rows, figures } = bench;
  const spent = meter(server);
  const { perSecond, latencies } = await load(sessions, count, inFlight, call);
  const { own, store } = spent();
  const p99 = percentile(latencies, 0.99);
  rows.push([name, Math.round(own / count), Math.round(store / count), Math.round(perSecond), p99, '']);
  const key = name.replaceAll(' ', '_');
  figures[`${key}_cpu_us`] = own / count;
  figures[`${key}_store_cpu_us`] = store / count;
  figures[`${key}_per_second`] = perSecond;
  figures[`${key}_p99_ms`] = p99;
}

export const createPods = requests('create pod', podCount, createPod);

export const requestRows: Readonly<Record<string, Row>> = {
  create: createPods,
  get: requests('get', 5_000, getPod),
  status: requests('update status', 2_000, updateStatus),
  patch: requests('patch', 2_000, patchPod),
  apply: {
    needsPods: false,
    run: async (bench) => {
      await measure(bench, 'apply', 2_000, applyMap);
      await measure(bench, 'apply deployment', 2_000, applyDeployment);
    },
  },
};

/** The compiler's work at the beginning is not the server's. */
export async function warm({ sessions }: Bench): Promise<void> {
  await load(sessions, warmUp, inFlight, (index) => createPod(index, 'warm'));
  await load(sessions, warmUp, inFlight, (index) => ({
    method: 'DELETE',
    path: `${pods}/warm-${index}?gracePeriodSeconds=0`,
  }));
}
