/**
 * The API server over one member of the store: CPU of both per request, lists of 10,000 pods, the fan-out of
 * events to many watchers, and the start over many objects. Everything is asked of real processes over TLS and HTTP/2 on
 * loopback.
 */
import type { Benchmark, BenchmarkResult, Bound } from '../benchmark.ts';
import { send } from './client.ts';
import { fanOutRow } from './fan-out.ts';
import { listRow } from './lists.ts';
import { pacedRows } from './paced.ts';
import { createPods, inFlight, requestRows, warm } from './requests.ts';
import { anySession, type Bench, type Row } from './row.ts';
import { MeasuredServer } from './server.ts';
import { startUpRow } from './start-up.ts';

/** In the order in which they run. */
const rows: Readonly<Record<string, Row>> = {
  ...requestRows,
  ...pacedRows,
  list: listRow,
  'fan-out': fanOutRow,
  start: startUpRow,
};

const bounds: Readonly<Record<string, readonly Bound[]>> = {
  get: [{ figure: 'get_cpu_us', atMost: 150 }],
  mixed: [{ figure: 'mutating_at_70_percent_p99_ms', atMost: 100 }],
  create: [{ figure: 'create_pod_cpu_us', atMost: 600 }],
  list: [
    { figure: 'list_all_ms', atMost: 500 },
    { figure: 'list_all_extra_mib', atMost: 64 },
  ],
};

/** What pods run as; no controller is there to make it. */
async function makeAccount(bench: Bench): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts';
  const body = JSON.stringify({ metadata: { name: 'default' } });
  const { status, text } = await send(anySession(bench), { method: 'POST', path, body });
  if (status !== 201) throw new Error(`the account of the pods was refused: ${status} ${text}`);
}

function chosen(only: readonly string[] | undefined): readonly string[] {
  const unknown = only?.find((name) => !Object.hasOwn(rows, name));
  if (unknown !== undefined)
    throw new Error(`--only: there is no row ${unknown}; there are ${Object.keys(rows).join(', ')}`);
  return Object.keys(rows).filter((name) => only?.includes(name) !== false);
}

export const benchmark: Benchmark = {
  summary: 'requests, lists of 10,000 pods, watches and starts, one API server on one store member',
  run: async ({ log, only }): Promise<BenchmarkResult> => {
    const names = chosen(only);
    const profile = process.env['TIMONIER_BENCH_PROFILE'];
    const server = await MeasuredServer.start(profile);
    const sessions = Array.from({ length: 4 }, () => server.connect());
    const bench: Bench = { server, sessions, rows: [], figures: {} };
    try {
      await makeAccount(bench);
      await warm(bench);
      let hasPods = false;
      for (const name of names) {
        const row = rows[name];
        if (row === undefined) continue;
        if (row.needsPods && !hasPods && name !== 'create')
          await createPods.run({ ...bench, rows: [], figures: {} });
        await row.run(bench);
        hasPods ||= row.needsPods || name === 'create';
        log(`${name} measured`);
      }
    } finally {
      for (const session of sessions) session.destroy();
      await server.close();
    }
    return {
      columns: ['operation', 'CPU µs', 'store CPU µs', 'per second', 'p99 ms', 'MiB'],
      rows: bench.rows,
      figures: bench.figures,
      bounds: names.flatMap((name) => bounds[name] ?? []),
      notes: [
        `${inFlight} requests in flight over 4 connections unless more is said; CPU is of the API server's process, with its garbage collector`,
        'a row of watches counts deliveries; requests that are due count from when they were due',
        'for lists: CPU of one list, lists per second, the slowest, and the peak of resident memory above that before',
        'for the start: CPU until it is ready, the time until then, and resident memory',
        'there is no kube-apiserver on this machine to measure beside it',
      ],
    };
  },
};
