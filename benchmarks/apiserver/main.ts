/**
 * The API server over one member of the store: CPU of both per request, lists of 10,000 pods, the fan-out of events to
 * many watchers, and the start over many objects. Everything is asked of real processes over TLS and HTTP/2 on loopback.
 * Where kube-apiserver was built it is measured beside ours, over etcd, row after row in turn by the same load generator.
 */
import {
  booleanFlag,
  choicesFlag,
  countBuffersWithHeap,
  leaveRoomToGrow,
  UsageError,
} from '@timonier/component';
import { letHelpersGiveWay } from '@timonier/linux/helper-threads';
import { until } from '../../test/acceptance/wait.ts';
import { type BenchmarkResult, type Bound, defineBenchmark } from '../benchmark.ts';
import { undoneAtEnd } from '../ending.ts';
import { createPod, deletePod } from './calls.ts';
import { send, succeed } from './client.ts';
import { Explanation } from './explain/explanation.ts';
import { fanOutRow } from './fan-out.ts';
import { nodeWatchesRow } from './node-watches.ts';
import { report } from './ledger.ts';
import { listFormsRow } from './list-forms.ts';
import { listRow } from './lists.ts';
import { pacedRows } from './paced.ts';
import { type ApiServerProgram, kubernetes, type Kubernetes, ours } from './programs.ts';
import { createPods, inFlight, requestRows, warm } from './requests.ts';
import { anySession, type Bench, type Row } from './row.ts';
import { MeasuredServer } from './server.ts';
import { startUpRow } from './start-up.ts';

/** In the order in which they run. */
const rows: Readonly<Record<string, Row>> = {
  ...requestRows,
  ...pacedRows,
  list: listRow,
  'list-forms': listFormsRow,
  'fan-out': fanOutRow,
  'node-watches': nodeWatchesRow,
  start: startUpRow,
};

/** Of ours, whatever is measured beside it. */
const bounds: Readonly<Record<string, readonly Bound[]>> = {
  get: [{ figure: 'get_cpu_us', atMost: 150 }],
  mixed: [{ figure: 'mutating_at_70_percent_p99_ms', atMost: 100 }],
  create: [{ figure: 'create_pod_cpu_us', atMost: 600 }],
  list: [
    { figure: 'list_all_ms', atMost: 500 },
    { figure: 'list_all_extra_mib', atMost: 64 },
  ],
  'fan-out': [
    { figure: 'fan_out_watches_ended', atMost: 0 },
    { figure: 'fan_out_full_watches_ended', atMost: 0 },
  ],
};

const connections = 4;

/** What pods run as, which no controller is there to make; and a server whose admission knows of it. */
async function makeAccount(bench: Bench): Promise<void> {
  const session = anySession(bench);
  const path = '/api/v1/namespaces/default/serviceaccounts';
  const body = JSON.stringify({ metadata: { name: 'default' } });
  await until('the server takes pods', 30_000, async () => {
    const account = await send(session, { method: 'POST', path, body });
    if (account.status !== 201 && account.status !== 409)
      throw new Error(`the account of the pods was refused: ${account.status} ${account.text}`);
    const pod = await send(session, createPod(0, 'first'));
    if (pod.status !== 201 && pod.status !== 409)
      throw new Error(`a pod was refused: ${pod.status} ${pod.text}`);
    await succeed(session, deletePod(0, 'first'));
    return true;
  });
}

async function begin(
  program: ApiServerProgram,
  explanation?: Explanation,
): Promise<Bench & { readonly close: () => Promise<void> }> {
  const server = await MeasuredServer.start(program);
  const sessions = await server.connections(connections);
  const takeDown = async (): Promise<void> => {
    for (const session of sessions) session.destroy();
    await server.close();
  };
  const forget = undoneAtEnd(takeDown);
  const close = (): Promise<void> => {
    forget();
    return takeDown();
  };
  const bench = { server, sessions, rows: [], figures: {}, explanation, close };
  try {
    await makeAccount(bench);
    await warm(bench);
    return bench;
  } catch (error) {
    await close();
    throw error;
  }
}

async function measure(
  picked: readonly (readonly [string, Row])[],
  sides: readonly Bench[],
  log: (line: string) => void,
): Promise<void> {
  let havePods = false;
  for (const [turn, [name, row]] of picked.entries()) {
    // Whoever comes second finds a machine that is warm, or one that others have begun to use.
    const order = turn % 2 === 0 ? sides : sides.toReversed();
    for (const bench of order) {
      if (row.needsPods && !havePods) await createPods.run({ ...bench, rows: [], figures: {} });
      // Of its own: servers end connections on which nobody asks for a while, as during the rows of the other one.
      const sessions = await bench.server.connections(connections);
      try {
        await row.run({ ...bench, sessions });
      } finally {
        for (const session of sessions) session.destroy();
      }
      log(`${name} measured of ${bench.server.name}`);
    }
    havePods ||= row.needsPods || name === 'create';
  }
}

/** Only the peer may: for ours it is outside its bound. */
function watchesEnded(peer: Bench | undefined): readonly string[] {
  const ended = ['fan_out', 'fan_out_full'].map((key) => peer?.figures[`${key}_watches_ended`] ?? 0);
  if (ended.every((count) => count === 0)) return [];
  return [
    `the peer ended ${ended.join(' and ')} of 1,000 watches as too slow; what they missed is not counted`,
  ];
}

async function notesOf(them: Kubernetes | undefined, peer: Bench | undefined): Promise<readonly string[]> {
  if (them === undefined) return ['ours alone, as asked for with --alone'];
  if ('missing' in them || peer === undefined)
    return [`no peer: ${'missing' in them ? them.missing : ''}; ours was measured alone`];
  const text = (await send(anySession(peer), { method: 'GET', path: '/version' }, true)).text;
  const { gitVersion } = JSON.parse(text) as { gitVersion: string };
  return [
    `the peer is kube-apiserver ${gitVersion} over one member of etcd ${await them.etcd.version()}, told the same: TLS, Node and RBAC, default admission, no audit, fairness with 400 + 200 requests, 1,000 streams a connection`,
    'both are up all the time, and each row is measured on one and then the other, the peer first in every second row; ratios are ours by the peer’s CPU: less than 1 is less',
    'the load speaks JSON to both; the peer stores protobuf, as it does by default',
  ];
}

export const benchmark = defineBenchmark({
  summary: 'requests, lists of 10,000 pods, watches and starts, one API server on one store member',
  flags: {
    only: choicesFlag(Object.keys(rows), 'rows to measure'),
    alone: booleanFlag(false, 'leave the peer out, although it was built'),
    explain: booleanFlag(false, 'tell what the slow ones of the changes at 70 % waited for'),
  },
  run: async ({ only, alone, explain }, log): Promise<BenchmarkResult> => {
    // The load's own collections are in the way of what it measures.
    countBuffersWithHeap();
    leaveRoomToGrow();
    letHelpersGiveWay();
    const picked = Object.entries(rows).filter(([name]) => only.includes(name));
    const them = alone ? undefined : kubernetes();
    if (them !== undefined && 'missing' in them) log(`no peer: ${them.missing}`);
    if (explain && !only.includes('mixed'))
      throw new UsageError('--explain tells of the row "mixed": pick it with --only');
    const explanation = explain ? new Explanation() : undefined;
    const forget = undoneAtEnd(async () => explanation?.close());
    const sides: (Bench & { readonly close: () => Promise<void> })[] = [];
    try {
      await explanation?.watchItself();
      sides.push(await begin(ours(process.env['TIMONIER_BENCH_PROFILE'], explanation), explanation));
      if (them !== undefined && 'program' in them) sides.push(await begin(them.program));
      // Asked before the last row ends the connections.
      const notes = await notesOf(them, sides[1]);
      await measure(picked, sides, log);
      const [own, peer] = sides;
      if (own === undefined) throw new Error('nothing was measured');
      return {
        ...report(own, peer),
        bounds: picked.flatMap(([name]) => bounds[name] ?? []),
        notes: [
          `${inFlight} requests in flight over ${connections} connections unless more is said; CPU is of the API server's process, with its garbage collector`,
          'the mix is measured after 10,000 of its changes, and what a server can take over 12,000 more',
          'a row of watches counts deliveries; requests that are due count from when they were due',
          'for lists: CPU of one list, lists per second, the slowest, and the peak of resident memory above that before',
          'for the start: CPU until it is ready, the time until then, and resident memory',
          ...notes,
          ...watchesEnded(peer),
          ...(explanation?.notes ?? []),
        ],
      };
    } finally {
      explanation?.close();
      forget();
      for (const { close } of sides) await close();
    }
  },
});
