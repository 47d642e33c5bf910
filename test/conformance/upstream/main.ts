/**
 * `npm run conformance -- upstream`: upstream's controllers and scheduler on our API server and store. Each sentence is
 * checked, and so is that the programs had nothing to complain about. `npm run peers` builds them. Exits 1 when
 * something failed.
 */
import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  choiceFlag,
  defineProgram,
  type FlagSet,
  type FlagValues,
  listFlag,
  numberFlag,
  patternFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { until } from '../../acceptance/wait.ts';
import { messageOf, Tally } from '../../tally.ts';
import { needPeers, workersFlag } from '../program.ts';
import { exitOnSignals } from '../signals.ts';
import { complaintsIn } from './complaints.ts';
import { ControlPlane, isOwnController, upstreamNames } from './control-plane.ts';
import { withoutExpected } from './expected-complaints.ts';
import { Kubelets } from './kubelets.ts';
import { sentences } from './sentences/index.ts';
import { ownNodes } from './sentences/nodes.ts';
import { type Sentence, waitMs, World } from './world.ts';

const mainNodes = ['node-1', 'node-2', 'node-3'] as const;

const flags = {
  only: patternFlag('sentences to check'),
  store: choiceFlag('timonier', ['timonier', 'etcd'], 'what the API server keeps its objects in'),
  'api-server': choiceFlag('timonier', ['timonier', 'kube-apiserver'], 'what the programs talk to'),
  workers: workersFlag,
  own: listFlag([], 'controllers of ours that run in the place of upstream’s'),
  parallel: numberFlag(6, 'how many sentences at once', { min: 1, max: 32 }),
  logs: stringFlag('', 'keeps what every program logged', { value: 'FOLDER' }),
} satisfies FlagSet;

const tally = new Tally();
const check = tally.check.bind(tally);

/** Each sentence in a namespace of its own, which is deleted after it; what fails to end is said. */
async function runSentence(world: World, sentence: Sentence, index: number): Promise<void> {
  const namespace = `s${index + 1}`;
  await check(sentence.name, async () => {
    await world.create('/api/v1/namespaces', { metadata: { name: namespace } });
    await world.shows(
      `/api/v1/namespaces/${namespace}/serviceaccounts/default`,
      'it has an account',
      () => true,
    );
    try {
      await sentence.run(world, namespace);
    } finally {
      await world.remove(`/api/v1/namespaces/${namespace}`);
    }
    await world.gone(`/api/v1/namespaces/${namespace}`, 2 * waitMs);
  });
}

async function checkLogs(plane: ControlPlane): Promise<void> {
  for (const name of ['kube-controller-manager', 'kube-scheduler'])
    await check(`the ${name} had nothing to complain about`, async () => {
      const text = plane.processes
        .filter((one) => one.name === name)
        .map((one) => one.log())
        .join('\n');
      const complaints = withoutExpected(complaintsIn(text));
      if (complaints.length > 0)
        throw new Error(
          `${complaints.length} complaints\n${complaints.map(({ count, example }) => `${count} times: ${example}`).join('\n')}`,
        );
    });
}

async function play(given: FlagValues<typeof flags>): Promise<number> {
  const { 'api-server': apiServer, store, workers, parallel, logs } = given;
  const own = given.own.filter(isOwnController);
  const unknown = given.own.find((name) => !isOwnController(name));
  if (unknown !== undefined)
    throw new UsageError(`--own: "${unknown}" is none of ${Object.keys(upstreamNames).join(', ')}`);
  const settings = { apiServer, store, workers, own };
  const wanted = sentences.filter(({ name }) => given.only?.test(name) !== false);
  if (wanted.length === 0) throw new UsageError(`--only: no sentence is like "${given.only?.source}"`);
  needPeers([
    'kube-controller-manager',
    'kube-scheduler',
    'kubectl',
    ...(apiServer === 'timonier' ? [] : [apiServer]),
  ]);
  exitOnSignals();
  const directory = await mkdtemp(join(tmpdir(), 'timonier-upstream-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  let plane: ControlPlane | undefined;
  let kubelets: Kubelets | undefined;
  try {
    const nodes = [...mainNodes, ...ownNodes];
    const started = await ControlPlane.start({ ...settings, directory, nodes });
    plane = started;
    const admin = started.client('admin');
    kubelets = new Kubelets((name) => started.kubelet(name));
    const world = new World(started, kubelets, admin);
    await started.startControllerManager();
    if (own.length > 0) await started.startOwnLoop('controller-manager', own);
    await started.startScheduler();
    await until('the controllers work', waitMs, async () =>
      (await world.status('/api/v1/namespaces/default/serviceaccounts/default')) === 200 ? true : undefined,
    );
    for (const name of mainNodes) await kubelets.add(name, { labels: { pool: 'main' } });
    console.log(
      `# ${settings.apiServer === 'timonier' ? `our API server in ${settings.workers === 1 ? 'one process' : `${settings.workers} processes`}` : 'kube-apiserver'} on ${settings.store === 'timonier' ? 'our store' : 'etcd'}${own.length === 0 ? '' : `, with our ${own.join(', ')}`}`,
    );
    const indexed = wanted.map((sentence, index) => ({ sentence, index }));
    const together = indexed.filter(({ sentence }) => sentence.alone !== true);
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        for (let next = together.shift(); next !== undefined; next = together.shift())
          await runSentence(world, next.sentence, next.index);
      }),
    );
    for (const { sentence, index } of indexed)
      if (sentence.alone === true) await runSentence(world, sentence, index);
    const { troubles } = kubelets;
    await check('the kubelets’ calls were answered as they should', async () => {
      if (troubles.length > 0) throw new Error(troubles.join('\n'));
    });
    await checkLogs(started);
    await admin.close();
  } catch (error) {
    tally.fail(messageOf(error));
  } finally {
    await kubelets?.stop();
    await plane?.close();
    if (logs !== '') await cp(directory, logs, { recursive: true, filter: (from) => !from.endsWith('.key') });
  }
  console.log(tally.summary);
  return tally.hasFailed ? 1 : 0;
}

const call = 'npm run conformance -- upstream';

export const suite = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'Kubernetes’ own controllers and scheduler on our API server',
  examples: [call, `${call} --only 'Job|StatefulSet'`, `${call} --api-server kube-apiserver --store etcd`],
  flags,
  run: ({ flags }) => play(flags),
});
