/**
 * `npm run conformance -- clients [--store timonier|etcd] [--nodes 0] [--workers N] [--kubectl RELEASE,…]
 * [--only NAME,…] [--kubeconfig FILE] [--record RELEASE]`: the real clients on a whole cluster. Every command's output is compared with what a file expects.
 * Ends with `N passed, N failed`; exits 1 when something differed and 2 on a wrong command line.
 *
 * `--kubectl` is every release that is on the machine by default: 1.36 is once it was built (`npm run peers -- kubectl`).
 * `--workers` is of the API server: so many of its processes serve.
 * `--nodes 0` runs, on an API server and an etcd alone, what needs no node. `--kubeconfig` takes a cluster that runs,
 * of whatever make; its workers are to be called `worker-1` and `worker-2` and to have the demo image. `--record` writes what a release printed
 * into the files, as that release's own where it differs from the others; `all` in front of it (`--record all:1.35`)
 * makes it the expectation of every release. What is recorded is to be read before it is kept.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configFrom, programs } from './client-node.ts';
import { isRelease, presentReleases, type Release, releases, unpackHelm, unpackKubectl } from './clients.ts';
import { discoverAll } from './discovery.ts';
import type { Recording, Terminal } from './run-transcript.ts';
import { inOwnNamespace, play, transcripts } from './suite.ts';
import { wholeCluster, withoutNodes, type World } from './worlds.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    store: { type: 'string', default: 'timonier' },
    nodes: { type: 'string', default: '2' },
    kubectl: { type: 'string', default: presentReleases().toReversed().join(',') },
    only: { type: 'string' },
    kubeconfig: { type: 'string' },
    workers: { type: 'string', default: '1' },
    record: { type: 'string' },
  },
});
const { store } = values;
const workers = Number(values.workers);
const wantedReleases = values.kubectl.split(',').filter(isRelease);
const [, all, recorded] = /^(all:)?(.*)$/.exec(values.record ?? '') ?? [];
if (
  positionals.join() !== 'clients' ||
  (store !== 'timonier' && store !== 'etcd') ||
  (values.nodes !== '0' && values.nodes !== '2') ||
  !(Number.isInteger(workers) && workers >= 1 && workers <= 16) ||
  wantedReleases.length !== values.kubectl.split(',').length ||
  (values.record !== undefined && !isRelease(recorded ?? ''))
) {
  console.error(
    `usage: npm run conformance -- clients [--store timonier|etcd] [--nodes 0|2] [--workers N] [--kubectl ${releases.join('|')}] [--only NAME,…] [--kubeconfig FILE] [--record [all:]RELEASE]`,
  );
  process.exit(2);
}
const only = values.only?.split(',');
const wanted = (name: string): boolean => only === undefined || only.includes(name);
const counts = { passed: 0, failed: 0 };
const closers: (() => unknown)[] = [];

async function check(name: string, body: () => Promise<readonly string[]>): Promise<void> {
  const start = Date.now();
  const lines: string[] = [];
  let note = '';
  try {
    const differences = await body();
    lines.push(...differences);
    note = differences.length === 0 ? '' : `: ${differences.length} differences`;
  } catch (error) {
    note = `: ${error instanceof Error ? error.message : String(error)}`;
  }
  const failed = note !== '';
  counts[failed ? 'failed' : 'passed']++;
  console.log(`${failed ? 'not ok' : 'ok'} - ${name}${note} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  for (const text of lines) console.log(text.replace(/^/gm, '    '));
}

const directory = await mkdtemp(join(tmpdir(), 'timonier-clients-'));
closers.push(() => rm(directory, { recursive: true, force: true }));
const onEnd = (end: () => unknown): void => void closers.push(end);

try {
  const folders = new Map<Release, string>(wantedReleases.map((one) => [one, unpackKubectl(directory, one)]));
  const helm = unpackHelm(directory);
  const kubectls = wantedReleases.map((one) => ({
    version: one,
    path: join(folders.get(one) ?? '', 'kubectl'),
  }));
  const world: World =
    values.kubeconfig !== undefined
      ? { kubeconfig: values.kubeconfig, hasNodes: values.nodes !== '0', description: 'a cluster that runs' }
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
        play(transcript, terminal(release), directory, record),
      );
    }
  };
  const recordingOf = (release: Release): Recording =>
    recorded !== release ? 'no' : all === undefined ? 'of this release' : 'of all releases';
  for (const release of wantedReleases)
    await playAll(`kubectl ${release}`, 'kubectl', release, recordingOf(release));
  const newest: Release = wantedReleases[0] ?? '1.35';
  // Its transcripts ask kubectl too, but are about helm: one release is enough.
  await playAll('helm 4', 'helm', newest, recordingOf(newest));
  const config = configFrom(world.kubeconfig);
  for (const [i, { name, needsNodes, run }] of programs.entries()) {
    if (!wanted('client-node') || (needsNodes && !world.hasNodes)) continue;
    await check(`client-node ${name}`, async () => {
      await inOwnNamespace(terminal(newest), `program-${i}`, (namespace) => run(config, namespace));
      return [];
    });
  }
  if (wanted('prometheus'))
    await check('Prometheus finds targets in every role', () =>
      discoverAll(world, join(folders.get(newest) ?? '', 'kubectl')),
    );
} catch (error) {
  counts.failed++;
  console.log(`not ok - ${error instanceof Error ? error.message : String(error)}`);
} finally {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      console.log(`# clean-up: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed > 0 ? 1 : 0);
