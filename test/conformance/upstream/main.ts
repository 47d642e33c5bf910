/**
 * `npm run conformance -- upstream [--only PATTERN] [--store timonier|etcd] [--api-server timonier|kube-apiserver]
 * [--workers N] [--parallel N] [--logs FOLDER]`: upstream's controllers and scheduler on our API server and store. Each
 * sentence is checked, and so is that the programs had nothing to complain about. `npm run peers` builds them.
 *
 * Ends with `N passed, N failed`; exits 1 when something failed and 2 on a wrong command line or without the programs.
 */
import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { until } from '../../acceptance/wait.ts';
import { peer } from '../../peers/peer.ts';
import { exitOnSignals } from '../signals.ts';
import { complaintsIn } from './complaints.ts';
import { ControlPlane } from './control-plane.ts';
import { withoutExpected } from './expected-complaints.ts';
import { Kubelets } from './kubelets.ts';
import { sentences } from './sentences/index.ts';
import { ownNodes } from './sentences/nodes.ts';
import { type Sentence, waitMs, World } from './world.ts';

const usage = `usage: npm run conformance -- upstream [--only PATTERN] [--store timonier|etcd] [--api-server timonier|kube-apiserver] [--workers N] [--parallel N] [--logs FOLDER]`;
const mainNodes = ['node-1', 'node-2', 'node-3'] as const;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      store: { type: 'string', default: 'timonier' },
      'api-server': { type: 'string', default: 'timonier' },
      workers: { type: 'string', default: '1' },
      parallel: { type: 'string', default: '6' },
      logs: { type: 'string' },
    },
  });
  const { store, 'api-server': apiServer } = values;
  if (positionals.join() !== 'upstream') throw new Error('say what to run: upstream');
  if (store !== 'timonier' && store !== 'etcd') throw new Error(`--store ${store} is not known`);
  if (apiServer !== 'timonier' && apiServer !== 'kube-apiserver')
    throw new Error(`--api-server ${apiServer} is not known`);
  const number = (name: 'workers' | 'parallel', most: number): number => {
    const value = Number(values[name]);
    if (!(Number.isInteger(value) && value >= 1 && value <= most))
      throw new Error(`--${name} must be between 1 and ${most}, not ${values[name]}`);
    return value;
  };
  const only = new RegExp(values.only);
  const wanted = sentences.filter(({ name }) => only.test(name));
  if (wanted.length === 0) throw new Error(`no sentence is like "${values.only}"`);
  const needed = ['kube-controller-manager', 'kube-scheduler'] as const;
  const missing = [...needed, ...(apiServer === 'timonier' ? [] : ([apiServer] as const))]
    .map((name) => peer(name))
    .flatMap((found) => ('missing' in found ? [found.missing] : []));
  if (missing.length > 0) throw new Error(missing.join('\n'));
  return {
    store,
    apiServer,
    wanted,
    workers: number('workers', 16),
    parallel: number('parallel', 32),
    logs: values.logs,
  } as const;
}

const counts = { passed: 0, failed: 0 };

async function check(name: string, body: () => Promise<void>): Promise<void> {
  const start = Date.now();
  let note = '';
  try {
    await body();
  } catch (error) {
    note = `: ${error instanceof Error ? error.message : String(error)}`;
  }
  counts[note === '' ? 'passed' : 'failed']++;
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`${note === '' ? 'ok' : 'not ok'} - ${name} (${seconds} s)${note.replaceAll('\n', '\n    ')}`);
}

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

async function run({ wanted, parallel, logs, ...settings }: ReturnType<typeof options>): Promise<void> {
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
    await started.startScheduler();
    await until('the controllers work', waitMs, async () =>
      (await world.status('/api/v1/namespaces/default/serviceaccounts/default')) === 200 ? true : undefined,
    );
    for (const name of mainNodes) await kubelets.add(name, { labels: { pool: 'main' } });
    console.log(
      `# ${settings.apiServer === 'timonier' ? `our API server in ${settings.workers === 1 ? 'one process' : `${settings.workers} processes`}` : 'kube-apiserver'} on ${settings.store === 'timonier' ? 'our store' : 'etcd'}`,
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
    counts.failed++;
    console.log(`not ok - ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await kubelets?.stop();
    await plane?.close();
    if (logs !== undefined)
      await cp(directory, logs, { recursive: true, filter: (from) => !from.endsWith('.key') });
  }
}

async function main(): Promise<number> {
  let chosen: ReturnType<typeof options>;
  try {
    chosen = options();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  exitOnSignals();
  await run(chosen);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed > 0 ? 1 : 0;
}

process.exit(await main());
