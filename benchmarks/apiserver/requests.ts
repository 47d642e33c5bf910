/** Single requests, a bounded number in flight: what each costs. */
import { percentile } from '../benchmark.ts';
import {
  applyDeployment,
  applyMap,
  createPod,
  deletePod,
  getPod,
  patchPod,
  podCount,
  protobuf,
  updateStatus,
} from './calls.ts';
import { load } from './client.ts';
import type { Call } from './session.ts';
import { readerToken } from './reader.ts';
import { anySession, type Bench, meter, type Row } from './row.ts';

export const inFlight = 32;
const warmUp = 800;
const getCount = 5_000;
/** Of the measured calls that many come before, unmeasured: the compiler's work at the beginning is not the server's. */
const warmUpShare = 0.2;

function requests(name: string, count: number, call: (index: number) => Call): Row {
  return {
    needsPods: true,
    run: (bench) => measure(bench, name, count, call),
  };
}

/** What it costs, warm. */
async function measure(
  bench: Bench,
  name: string,
  count: number,
  call: (index: number) => Call,
): Promise<void> {
  await load(bench.sessions, count * warmUpShare, inFlight, call);
  await measureWarm(bench, name, count, call);
}

async function measureWarm(
  bench: Bench,
  name: string,
  count: number,
  call: (index: number) => Call,
): Promise<void> {
  const { server, sessions, rows, figures } = bench;
  const spent = meter(server);
  const { perSecond, latencies } = await load(sessions, count, inFlight, call);
  const { own, store } = spent();
  const p99Ms = percentile(latencies, 0.99);
  rows.push({ name, cpu: own / count, store: store / count, perSecond, p99Ms });
  const key = name.replaceAll(' ', '_');
  figures[`${key}_cpu_us`] = own / count;
  figures[`${key}_store_cpu_us`] = store / count;
  figures[`${key}_per_second`] = perSecond;
  figures[`${key}_p99_ms`] = p99Ms;
}

/**
 * Gets by a ServiceAccount with a token, as of a pod: whose they are is found out in another way than for those of the
 * administrator, who is let through by RBAC and by priority and fairness without a look at their objects.
 */
async function measureByToken(bench: Bench): Promise<void> {
  const sessions = await Promise.all(bench.sessions.map(() => bench.server.connectWithoutCertificate()));
  try {
    const bare = anySession({ ...bench, sessions });
    const authorization = `Bearer ${await readerToken(anySession(bench), bare)}`;
    await measure({ ...bench, sessions }, 'get by token', getCount, (index) => ({
      ...getPod(index),
      authorization,
    }));
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** `warm` has made pods before. */
export const createPods: Row = {
  needsPods: false,
  run: (bench) => measureWarm(bench, 'create pod', podCount, createPod),
};

export const requestRows: Readonly<Record<string, Row>> = {
  create: createPods,
  get: {
    needsPods: true,
    run: async (bench) => {
      await measure(bench, 'get', getCount, getPod);
      await measure(bench, 'get in protobuf', getCount, (index) => ({ ...getPod(index), accept: protobuf }));
      await measureByToken(bench);
    },
  },
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

/** Every server makes pods before anything is measured. */
export async function warm({ sessions }: Bench): Promise<void> {
  await load(sessions, warmUp, inFlight, (index) => createPod(index, 'warm'));
  await load(sessions, warmUp, inFlight, (index) => deletePod(index, 'warm'));
}
