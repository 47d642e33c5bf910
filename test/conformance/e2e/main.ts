/**
 * `npm run conformance -- e2e`: upstream's own conformance tests on a whole cluster, by upstream's own program. Exits 1
 * when a test fails, or does not run, that is not said to in `expected.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  booleanFlag,
  choiceFlag,
  defineProgram,
  type FlagSet,
  type FlagValues,
  numberFlag,
  patternFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { Cluster } from '../../acceptance/cluster.ts';
import { mustRun, run } from '../../acceptance/command.ts';
import { startEtcdHost } from '../../acceptance/etcd-host.ts';
import { peerFile } from '../../peers/peer.ts';
import { versionOf } from '../../peers/programs.ts';
import { messageOf, takeAway } from '../../tally.ts';
import { conformanceTests } from '../coverage/names.ts';
import { needPeers, workersFlag } from '../program.ts';
import { reasonFor } from './expected.ts';
import { imagePrograms, makeImages } from './images.ts';
import { readRecord, writeRecord } from './record.ts';
import type { SuiteReport } from './report.ts';
import { shareOut } from './shares.ts';
import { listImages, runSuite } from './suite-process.ts';
import { summarize } from './table.ts';

const flags = {
  focus: patternFlag('tests to run'),
  store: choiceFlag('timonier', ['timonier', 'etcd'], 'what the cluster runs on'),
  masters: choiceFlag('3', ['1', '3', '5'], 'master hosts'),
  nodes: numberFlag(2, 'worker hosts', { min: 1, max: 8 }),
  workers: workersFlag,
  parallel: numberFlag(4, 'how many tests at once, those left out that have to be alone', {
    min: 1,
    max: 16,
  }),
  minutes: numberFlag(60, 'how long the tests may take', { min: 2, max: 600 }),
  'skip-known': booleanFlag(false, 'leaves out the tests that are known to fail'),
  record: booleanFlag(false, 'writes the outcomes into the record that docs/conformance.md is made of'),
  logs: stringFlag('', 'keeps the reports and outputs of the suite', { value: 'FOLDER' }),
} satisfies FlagSet;

async function bringUp(
  { store, masters, nodes, workers }: FlagValues<typeof flags>,
  directory: string,
  onEnd: (end: () => unknown) => void,
): Promise<Cluster> {
  const etcd = store === 'etcd' ? await startEtcdHost(21) : undefined;
  if (etcd !== undefined) onEnd(() => etcd.close());
  const cluster = new Cluster(
    {
      name: 'e2e',
      dataDir: join(directory, 'cluster'),
      masters: Number(masters),
      workers: nodes,
      runtime: 'timonier',
      ...(etcd === undefined ? {} : { store: etcd }),
      ...(workers === 1 ? {} : { apiserverArguments: [`workers=${workers}`] }),
    },
    [{ version: versionOf('kubernetes'), path: peerFile('kubectl') }],
  );
  onEnd(() => cluster.down());
  await cluster.up();
  await cluster.allNodesReady(nodes);
  const on = etcd === undefined ? 'the built-in store' : `three members of etcd ${etcd.version}`;
  console.log(`# ${masters} masters, ${nodes} workers, ${on}`);
  return cluster;
}

/** Those that may run together in several processes, then the others one after the other. */
async function runAll(
  names: readonly string[],
  parallel: number,
  one: (names: readonly string[], label: string) => Promise<SuiteReport>,
): Promise<readonly SuiteReport[]> {
  const alone = names.filter((name) => /\[Serial\]|\[Disruptive\]/.test(name));
  const together = names.filter((name) => !alone.includes(name));
  const measured = new Map(readRecord().map(({ name, seconds }) => [name, seconds]));
  const shares = shareOut(together, parallel, (name) => measured.get(name));
  const first = await Promise.all(shares.map((share, i) => one(share, `share-${i + 1}`)));
  return [...first, await one(alone, 'serial')];
}

async function play(values: FlagValues<typeof flags>): Promise<number> {
  const { focus, parallel, minutes, logs } = values;
  const names = conformanceTests().filter(
    (name) => focus?.test(name) !== false && (!values['skip-known'] || reasonFor(name) === undefined),
  );
  if (names.length === 0) throw new UsageError(`--focus: no conformance test is like "${focus?.source}"`);
  needPeers(['e2e.test', ...imagePrograms, 'kubectl']);
  // Others may commit while it runs.
  const commit = (await mustRun('git', ['rev-parse', '--short', 'HEAD'])).trim();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stopping.abort(new Error(signal)));
  const closers: (() => unknown)[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'timonier-e2e-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  // What the suite leaves behind goes with the rest.
  process.env['TMPDIR'] = directory;
  process.env['KUBECACHEDIR'] = join(directory, 'kubectl');
  try {
    const cluster = await bringUp(values, directory, (end) => void closers.push(end));
    const images = await makeImages(listImages(), join(directory, 'images'));
    for (const { archive } of images) await cluster.loadImage(archive);
    stopping.signal.throwIfAborted();
    console.log(`# ${images.length} images, ${names.length} tests`);
    const deadline = Date.now() + minutes * 60_000;
    const reports = await runAll(names, parallel, (share, label) =>
      runSuite({
        kubeconfig: cluster.kubeconfig,
        names: share,
        folder: directory,
        label,
        deadline,
        signal: stopping.signal,
      }),
    );
    const outcomes = reports.flatMap((report) => report.outcomes);
    const troubles = reports.flatMap((report) => report.troubles);
    const { text, isBad } = summarize(names, outcomes, reasonFor);
    console.log([...troubles.map((trouble) => `not ok - ${trouble}`), text].join('\n'));
    if (values.record) {
      const date = new Date().toISOString().slice(0, 10);
      writeRecord(outcomes, { suite: versionOf('kubernetes'), commit, date, store: values.store });
    }
    return isBad || troubles.length > 0 ? 1 : 0;
  } catch (error) {
    console.log(`not ok - ${messageOf(error)}`);
    return 1;
  } finally {
    if (logs !== '') {
      await run('sh', ['-c', `mkdir -p "$1" && cp "$2"/*.json "$2"/*.log "$1"`, 'sh', logs, directory]);
    }
    await takeAway(closers);
  }
}

const call = 'npm run conformance -- e2e';

export const suite = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'upstream’s own conformance tests, by upstream’s own program, on a whole cluster',
  examples: [call, `${call} --focus 'sig-api-machinery'`, `${call} --store etcd --focus 'sig-(auth|cli)'`],
  flags,
  run: ({ flags }) => play(flags),
});
