/**
 * `npm run acceptance`: the main job on real clients, a line per sentence. Exits 1 when a sentence failed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  booleanFlag,
  choiceFlag,
  choicesFlag,
  defineProgram,
  type FlagSet,
  type FlagValues,
  UsageError,
} from '@timonier/component';
import { messageOf, takeAway, Tally } from '../tally.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { startEtcdHost } from './etcd-host.ts';
import { unpackKubectls } from './kubectl.ts';
import { failover } from './sentences/failover.ts';
import { fence } from './sentences/fence.ts';
import { hello, runtimeVersion } from './sentences/hello.ts';
import { prometheus } from './sentences/prometheus.ts';
import { replacedAfterKilling } from './sentences/worker-loss.ts';

const flags = {
  store: choiceFlag('timonier', ['timonier', 'etcd'], 'what the clusters run on'),
  runtime: choiceFlag('timonier', ['timonier', 'containerd'], 'container runtime'),
  only: choicesFlag(['1', '2', '3', '4', '5', '6'], 'sentences to check'),
  keep: booleanFlag(false, 'leave the clusters running'),
} satisfies FlagSet;

async function main({ store, runtime, only, keep }: FlagValues<typeof flags>): Promise<number> {
  if (keep && store === 'etcd')
    throw new UsageError(
      '--keep cannot keep the etcd that this process runs; use it with the built-in store',
    );
  const wanted = new Set(only.map(Number));
  const tally = new Tally();
  const closers: (() => Promise<void>)[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'timonier-acceptance-'));
  if (!keep) closers.push(() => rm(directory, { recursive: true, force: true }));
  const kubectls = await unpackKubectls(join(directory, 'kubectl'));
  const sentence = (number: number, text: string, body: () => Promise<string>): Promise<void> =>
    tally.check(`${number}: ${text}`, body);
  /** Each cluster has an etcd of its own when it runs on etcd: a second one would be refused. */
  const bringUp = async (
    suffix: string,
    shape: Pick<ClusterOptions, 'masters' | 'workers' | 'env'>,
  ): Promise<Cluster> => {
    const etcd = store === 'etcd' ? await startEtcdHost(closers.length) : undefined;
    if (etcd !== undefined) closers.push(() => etcd.close());
    const options: ClusterOptions = {
      name: `acc${suffix}`,
      dataDir: join(directory, suffix),
      runtime,
      ...(etcd === undefined ? {} : { store: etcd }),
      ...shape,
    };
    const cluster = new Cluster(options, kubectls);
    if (!keep) closers.push(() => cluster.down());
    await cluster.up();
    await cluster.allNodesReady(shape.workers === 0 ? shape.masters : shape.workers);
    const versions = [etcd === undefined ? undefined : `etcd ${etcd.version}`, await runtimeVersion(cluster)];
    console.log(
      `# cluster ${suffix}: ${shape.masters} masters, ${shape.workers} workers, ${versions.filter((version) => version !== undefined).join(', ')}`,
    );
    return cluster;
  };
  const takeDown = async (cluster: Cluster): Promise<void> => {
    if (!keep) await cluster.down();
  };
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
        return `kubectl ${kubectl.version}`;
      });
      await sentence(5, 'the pods of a killed active master are replaced', async () =>
        replacedAfterKilling(cluster, (await cluster.activeMaster()).name),
      );
      await takeDown(cluster);
    }
  } catch (error) {
    tally.fail(messageOf(error));
  } finally {
    await takeAway(closers);
  }
  console.log(`${tally.summary}, 0 skipped`);
  return tally.hasFailed ? 1 : 0;
}

const call = 'npm run acceptance --';

const acceptance = defineProgram({
  call,
  usage: '[FLAGS]',
  summary: 'the main job on a whole cluster, with the real kubectl, Prometheus, etcd and containerd',
  examples: [
    call.slice(0, -3),
    `${call} --only 1,2`,
    `${call} --store etcd --only 1`,
    `${call} --runtime containerd`,
  ],
  flags,
  run: (given) => main(given.flags),
});

process.exitCode = await acceptance(process.argv.slice(2));
