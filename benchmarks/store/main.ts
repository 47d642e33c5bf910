/**
 * Our store beside etcd, Debian's or the one of `npm run peers`: the same rows on both in turn, round after round in one run, with the same load
 * generators. CPU is that of all members, so that work moved to followers counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choiceFlag, choicesFlag } from '@timonier/component';
import { timonier } from '../../test/conformance/store/members.ts';
import { type Bound, defineBenchmark, runsFlag } from '../benchmark.ts';
import { etcdNamed, etcdNames } from './etcd.ts';
import { failoverRow } from './failover.ts';
import { leasesRow } from './leases.ts';
import { Ledger } from './ledger.ts';
import { restartRow } from './restart.ts';
import type { Row } from './rows.ts';
import { Side } from './side.ts';
import { slowDiskRow } from './slow-disk.ts';
import { stallsRow } from './stalls.ts';
import { unaryRows } from './unary.ts';
import { watchRow } from './watch.ts';

const rows: readonly Row[] = [
  ...unaryRows,
  watchRow,
  leasesRow,
  failoverRow,
  slowDiskRow,
  restartRow,
  stallsRow,
];

/** What issue and README promise; each counts when its row was run. */
const bounds: readonly (Bound & { readonly row: string })[] = [
  // With one in flight the mean latency is the reciprocal of the rate.
  { row: 'put', figure: 'put 1 p50 ratio', atMost: 1 },
  { row: 'put', figure: 'put 1 ratio', atLeast: 1 },
  { row: 'put', figure: 'put 1000 ratio', atLeast: 1.5 },
  { row: 'put', figure: 'put 1000 cpu us', atMost: 50 },
  { row: 'range', figure: 'linearizable range 1000 ratio', atLeast: 3 },
  { row: 'range', figure: 'linearizable range 1000 cpu us', atMost: 50 },
  { row: 'watch', figure: 'watch events to 1,000 ratio', atLeast: 2 },
  { row: 'failover', figure: 'failover', atMost: 150 },
  { row: 'restart', figure: 'restart with 1 GB ratio', atMost: 1 },
  { row: 'stalls', figure: 'p99 of puts during compaction, times the quiet one', atMost: 5 },
  { row: 'stalls', figure: 'p99 of puts during snapshot, times the quiet one', atMost: 5 },
  { row: 'stalls', figure: 'p99 of puts during catch-up, times the quiet one', atMost: 5 },
];

export const benchmark = defineBenchmark({
  summary: 'the store beside etcd: puts, ranges, transactions, watches, leases, restart, failover, stalls',
  flags: {
    runs: runsFlag(3, 'rounds, each of all rows'),
    only: choicesFlag(
      rows.map((row) => row.name),
      'rows to measure',
    ),
    etcd: choiceFlag('debian', etcdNames, 'the peer: the one of the system, or of npm run peers'),
  },
  run: async ({ runs, only, etcd: name }, log) => {
    const picked = rows.filter((row) => only.includes(row.name));
    const etcd = etcdNamed(name);
    const version = await etcd.version();
    const programs = [timonier, etcd.program] as const;
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-store-'));
    const ledger = new Ledger();
    let shared: readonly [Side, Side] | undefined;
    try {
      const groups = async (): Promise<readonly [Side, Side]> =>
        (shared ??= [await Side.start(programs[0], 3), await Side.start(programs[1], 3)]);
      const record: Ledger['record'] = (...sample) => ledger.record(...sample);
      for (const { name, summary, run } of picked) {
        log(`${name}: ${summary}`);
        await run({ runs, programs, directory, log: (line) => log(`  ${line}`), groups, record });
      }
    } finally {
      for (const side of shared ?? []) await side.close();
      await rm(directory, { recursive: true, force: true });
    }
    const changes = (shared ?? []).map(({ name, leaderChanges }) => `${leaderChanges} ${name}`);
    return {
      ...ledger.report(),
      bounds: bounds.filter(({ row }) => picked.some(({ name }) => name === row)),
      notes: [
        `Medians of ${runs} rounds, ratio and spread from pairs of one round. etcd ${version} (--etcd ${name}), default settings, 3 members each on loopback without TLS.`,
        'Calls go to the leader. Numbers in labels are calls in flight, at most 10 on a connection; values have 256 bytes unless said otherwise.',
        'CPU is per request or event, user and system time of all members together.',
        ...(changes.length > 0 ? [`Leader changes nobody asked for: ${changes.join(', ')}.`] : []),
      ],
    };
  },
});
