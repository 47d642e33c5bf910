/**
 * `npm run conformance -- clients`: the real clients on a whole cluster. Every command's output is compared with what a
 * file expects. Exits 1 when something differed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  choiceFlag,
  choicesFlag,
  defineProgram,
  type FlagSet,
  type FlagValues,
  listFlag,
  stringFlag,
} from '@timonier/component';
import { messageOf, takeAway, Tally } from '../../tally.ts';
import { workersFlag } from '../program.ts';
import { configFrom, programs } from './client-node.ts';
import {
  companionOf,
  presentReleases,
  type Release,
  releases,
  unpackHelm,
  unpackKubectl,
} from './clients.ts';
import { discoverAll } from './discovery.ts';
import type { Recording, Terminal } from './run-transcript.ts';
import { inOwnNamespace, play as playTranscript, transcripts } from './suite.ts';
import { wholeCluster, withoutNodes, type World } from './worlds.ts';

const flags = {
  store: choiceFlag('timonier', ['timonier', 'etcd'], 'what the cluster runs on'),
  nodes: choiceFlag('2', ['0', '2'], 'with 0 what needs no node, on an API server and an etcd alone'),
  workers: workersFlag,
  kubectl: choicesFlag(releases, 'releases of kubectl', {
    default: presentReleases().toReversed(),
    placeholder: 'those on this machine; npm run peers -- kubectl builds the newest',
  }),
  only: listFlag([], 'transcripts and other parts to run, by name', { placeholder: 'all' }),
  kubeconfig: stringFlag(
    '',
    'a cluster that runs, of whatever make, with workers worker-1 and worker-2 that have the demo image',
    { value: 'FILE' },
  ),
  record: choiceFlag(
    '',
    ['', ...releases, ...releases.map((release) => `all:${release}` as const)],
    'writes what a release prints into the files, as its own where it differs, or with all: as everybody’s; to be read before it is kept',
    { value: '[all:]RELEASE' },
  ),
} satisfies FlagSet;

async function play(values: FlagValues<typeof flags>): Promise<number> {
  const { store, workers, kubectl: wantedReleases, only } = values;
  const [, all, recorded] = /^(all:)?(.*)$/.exec(values.record) ?? [];
  const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const tally = new Tally();
  /** `body` gives what differs. */
  const check = (name: string, body: () => Promise<readonly string[]>): Promise<void> =>
    tally.check(name, async () => {
      const differences = await body();
      if (differences.length > 0)
        throw new Error(`${differences.length} differences\n${differences.join('\n')}`);
    });
  const closers: (() => unknown)[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'timonier-clients-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const onEnd = (end: () => unknown): void => void closers.push(end);

  try {
    const companion = companionOf(wantedReleases);
    const folders = new Map<Release, string>(
      [...new Set([...wantedReleases, companion])].map((one) => [one, unpackKubectl(directory, one)]),
    );
    const helm = unpackHelm(directory);
    const kubectls = wantedReleases.map((one) => ({
      version: one,
      path: join(folders.get(one) ?? '', 'kubectl'),
    }));
    const world: World =
      values.kubeconfig !== ''
        ? {
            kubeconfig: values.kubeconfig,
            hasNodes: values.nodes !== '0',
            description: 'a cluster that runs',
          }
        : values.nodes === '0'
          ? await withoutNodes(onEnd, workers)
          : await wholeCluster(store, directory, kubectls, onEnd, workers);
    console.log(`# ${world.description}`);
    const terminal = (release: Release): Terminal => ({
      release,
      path: [folders.get(release) ?? '', helm],
      kubeconfig: world.kubeconfig,
    });
    const playAll = async (
      client: string,
      folder: string,
      release: Release,
      record: Recording,
    ): Promise<void> => {
      for (const transcript of transcripts(folder)) {
        if (!wanted(transcript.name) || (transcript.needsNodes && !world.hasNodes)) continue;
        await check(`${client} ${transcript.name}`, () =>
          playTranscript(transcript, terminal(release), directory, record),
        );
      }
    };
    const recordingOf = (release: Release): Recording =>
      recorded !== release ? 'no' : all === undefined ? 'of this release' : 'of all releases';
    for (const release of wantedReleases)
      await playAll(`kubectl ${release}`, 'kubectl', release, recordingOf(release));
    // Its transcripts ask kubectl too, but are about helm: one release is enough.
    await playAll('helm 4', 'helm', companion, recordingOf(companion));
    const config = configFrom(world.kubeconfig);
    for (const [i, { name, needsNodes, run }] of programs.entries()) {
      if (!wanted('client-node') || (needsNodes && !world.hasNodes)) continue;
      await check(`client-node ${name}`, async () => {
        await inOwnNamespace(terminal(companion), `program-${i}`, (namespace) => run(config, namespace));
        return [];
      });
    }
    if (wanted('prometheus'))
      await check('Prometheus finds targets in every role', () =>
        discoverAll(world, join(folders.get(companion) ?? '', 'kubectl')),
      );
  } catch (error) {
    tally.fail(messageOf(error));
  } finally {
    await takeAway(closers);
  }
  console.log(tally.summary);
  return tally.hasFailed ? 1 : 0;
}

const call = 'npm run conformance -- clients';

export const suite = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'kubectl, helm and programs, compared with what they should print',
  examples: [call, `${call} --store etcd`, `${call} --kubectl 1.20`, `${call} --nodes 0 --only pods,logs`],
  flags,
  run: ({ flags }) => play(flags),
});
