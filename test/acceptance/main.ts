/**
 * `npm run acceptance [-- --store etcd] [--runtime containerd] [--only N,…] [--keep]`: the main job on real clients, a line per
 * sentence. Ends with `N passed, N failed, N skipped`; exits 1 when a sentence failed and 2 on a wrong command line.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { startEtcdHost } from './etcd-host.ts';
import { unpackKubectls } from './kubectl.ts';
import { failover } from './sentences/failover.ts';
import { fence } from './sentences/fence.ts';
import { hello, runtimeVersion } from './sentences/hello.ts';
import { prometheus } from './sentences/prometheus.ts';
import { replacedAfterKilling } from './sentences/worker-loss.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'timonier' },
    runtime: { type: 'string', default: 'timonier' },
    only: { type: 'string', default: '1,2,3,4,5,6' },
    keep: { type: 'boolean', default: false },
  },
});
const { store, runtime } = values;
if ((store !== 'timonier' && store !== 'etcd') || (runtime !== 'timonier' && runtime !== 'containerd')) {
  console.error(
    'usage: npm run acceptance -- [--store timonier|etcd] [--runtime timonier|containerd] [--only 1,2,…] [--keep]',
  );
  process.exit(2);
}
if (values.keep && store === 'etcd') {
  console.error('--keep cannot keep the etcd that this process runs; use it with the built-in store');
  process.exit(2);
}
const wanted = new Set(values.only.split(',').map(Number));
const counts = { passed: 0, failed: 0 };
const closers: (() => Promise<void>)[] = [];

async function sentence(number: number, text: string, body: () => Promise<string>): Promise<void> {
  const start = Date.now();
  const seconds = (): string => `${((Date.now() - start) / 1000).toFixed(1)} s`;
  try {
    const note = await body();
    counts.passed++;
    console.log(`ok ${number} - ${text} (${note}; ${seconds()})`);
  } catch (error) {
    counts.failed++;
    console.log(
      `not ok ${number} - ${text}: ${error instanceof Error ? error.message : String(error)} (${seconds()})`,
    );
  }
}

const directory = await mkdtemp(join(tmpdir(), 'timonier-acceptance-'));
if (!values.keep) closers.push(() => rm(directory, { recursive: true, force: true }));
const kubectls = await unpackKubectls(join(directory, 'kubectl'));
const kubectlVersions = kubectls.map(({ version }) => version).join(' and ');

/** Each cluster has an etcd of its own when it runs on etcd: a second one would be refused. */
async function bringUp(
  suffix: string,
  shape: Pick<ClusterOptions, 'masters' | 'workers' | 'env'>,
): Promise<Cluster> {
  const etcd = store === 'etcd' ? await startEtcdHost(closers.length) : undefined;
  if (etcd !== undefined) closers.push(() => etcd.close());
  const options: ClusterOptions = {
    name: `acc${suffix}`,
    dataDir: join(directory, suffix),
    runtime: runtime === 'containerd' ? 'containerd' : 'timonier',
    ...(etcd === undefined ? {} : { store: etcd }),
    ...shape,
  };
  const cluster = new Cluster(options, kubectls);
  if (!values.keep) closers.push(() => cluster.down());
  await cluster.up();
  await cluster.allNodesReady(shape.workers === 0 ? shape.masters : shape.workers);
  const versions = [etcd === undefined ? undefined : `etcd ${etcd.version}`, await runtimeVersion(cluster)];
  console.log(
    `# cluster ${suffix}: ${shape.masters} masters, ${shape.workers} workers, ${versions.filter((version) => version !== undefined).join(', ')}`,
  );
  return cluster;
}

async function takeDown(cluster: Cluster): Promise<void> {
  if (!values.keep) await cluster.down();
}

try {
  if ([1, 2, 4, 6].some((number) => wanted.has(number))) {
    const cluster = await bringUp('a', { masters: 3, workers: 2 });
    if (wanted.has(1)) {
      for (const kubectl of kubectls) {
        await sentence(1, 'the demo runs as real containers and answers in every way', async () => {
          await hello(cluster, kubectl);
          return `kubectl ${kubectl.version}`;
        });
      }
    }
    if (wanted.has(6)) await sentence(6, 'Prometheus finds every target up', () => prometheus(cluster));
    if (wanted.has(2))
      await sentence(2, 'writers and watchers go through the loss of the active master', () =>
        failover(cluster),
      );
    if (wanted.has(4))
      await sentence(4, 'the pods of a killed worker are replaced on the other', () =>
        replacedAfterKilling(cluster, 'worker-1'),
      );
    await takeDown(cluster);
  }
  if (wanted.has(3)) {
    await sentence(3, 'a resumed master cannot commit what it decided under an old epoch', () =>
      fence((env) => bringUp('fenced', { masters: 3, workers: 0, env }), takeDown, 'fenced'),
    );
    await sentence(3, 'with the fence switched off the same check fails', () =>
      fence((env) => bringUp('unfenced', { masters: 3, workers: 0, env }), takeDown, 'mutated'),
    );
  }
  if (wanted.has(5)) {
    const cluster = await bringUp('m', { masters: 3, workers: 0 });
    await sentence(5, 'masters without workers run the demo', async () => {
      const [kubectl] = kubectls;
      if (kubectl === undefined) throw new Error('no kubectl');
      await hello(cluster, kubectl);
      return `kubectl ${kubectlVersions}`;
    });
    await sentence(5, 'the pods of a killed active master are replaced', async () =>
      replacedAfterKilling(cluster, (await cluster.activeMaster()).name),
    );
    await takeDown(cluster);
  }
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
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;
