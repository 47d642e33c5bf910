/**
 * `timonier up`: starts (or resumes) a cluster on this machine and stays with it, forwarding its addresses to
 * 127.0.0.1, until Ctrl-C or `timonier down` takes everything away again. With `--detach` it goes on in the
 * background and the command returns.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  booleanFlag,
  choiceFlag,
  durationFlag,
  listFlag,
  numberFlag,
  repeatedFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { apiserverArguments } from '@timonier/master/apiserver-arguments';
import type { RuntimeName, StoreTlsFiles } from '@timonier/worker/host-config';
import { detach, tellParent } from '../cluster/detached.ts';
import { startForwards } from '../cluster/forwards.ts';
import { LocalCluster } from '../cluster/local-cluster.ts';
import { specProblem } from '../cluster/plan.ts';
import {
  claimSubnet,
  type ClusterRecord,
  isAlive,
  processIdentity,
  readRecord,
  writeRecord,
} from '../cluster/record.ts';
import { missingPrograms } from '../cluster/requirements.ts';
import {
  defaultDataDir,
  readSettings,
  resolveSpec,
  type Wanted,
  writeSettings,
} from '../cluster/settings.ts';
import { storeProblem } from '../cluster/store-endpoints.ts';
import { startCluster } from '../cluster/start.ts';
import { summary } from '../cluster/summary.ts';
import { plain, progressFor } from '../progress.ts';
import { defineVerb, nameFlag } from './verb.ts';

const stopHostMs = 6_000;

const flags = {
  name: nameFlag,
  masters: numberFlag(3, 'master hosts: 1, 3 or 5'),
  workers: numberFlag(2, 'worker hosts; with 0 the masters run pods too'),
  'data-dir': stringFlag('', 'where the cluster keeps its data', { placeholder: defaultDataDir('NAME') }),
  'store-endpoints': listFlag([], 'URLs of an etcd to use instead of the cluster’s own store'),
  'store-cafile': stringFlag('', 'authority of that etcd’s certificates, for https'),
  'store-certfile': stringFlag('', 'client certificate for that etcd'),
  'store-keyfile': stringFlag('', 'key of the client certificate for that etcd'),
  'apiserver-arg': repeatedFlag(
    'NAME=VALUE of a flag for every API server; may be given several times; kept until others are given, an empty one gives none',
  ),
  runtime: choiceFlag('timonier', ['timonier', 'containerd'], 'container runtime'),
  detach: booleanFlag(false, 'return when the cluster is up, and leave it running'),
  timeout: durationFlag(120_000, 'how long the start may take'),
};

export const up = defineVerb({
  name: 'up',
  usage: '[--name NAME] [--masters N] [--workers N] [--detach]',
  summary: 'starts a highly available cluster on this machine, or resumes one',
  examples: [
    'timonier up                        3 masters and 2 workers',
    'timonier up --masters 3 --workers 0',
    'timonier up --name second --masters 1 --workers 1 --detach',
    'timonier up --store-endpoints http://127.0.0.1:2379',
    'timonier up --apiserver-arg authentication-config=/etc/logins.yaml',
  ],
  flags,
  needsRoot: true,
  run: async (call) => {
    const { flags, given } = call;
    // Before anything is made: on the hosts it would be found out late.
    const more = flags['apiserver-arg'].filter((item) => item !== '');
    apiserverArguments(more);
    const wanted: Wanted = {
      name: flags.name,
      ...(given.has('masters') ? { masters: flags.masters } : {}),
      ...(given.has('workers') ? { workers: flags.workers } : {}),
      ...(given.has('runtime') ? { runtime: flags.runtime satisfies RuntimeName } : {}),
      ...(storeFlags.some((flag) => given.has(flag)) ? { storeTls: storeTls(flags) } : {}),
      ...(given.has('apiserver-arg') ? { apiserverArguments: more } : {}),
      ...(given.has('store-endpoints') ? { storeEndpoints: flags['store-endpoints'] } : {}),
    };
    const dataDir = resolve(flags['data-dir'] || defaultDataDir(flags.name));
    if (flags.detach) {
      // Before anything is written there: it may be the data of another cluster.
      resolveSpec(wanted, readSettings(dataDir), dataDir);
      return detach(dataDir);
    }
    return run(wanted, dataDir, flags.timeout);
  },
});

const storeFlags = ['store-cafile', 'store-certfile', 'store-keyfile'] as const;

/** Absolute, because a later `up` resumes the cluster from anywhere. */
function storeTls(flags: Readonly<Record<(typeof storeFlags)[number], string>>): StoreTlsFiles {
  const [ca, cert, key] = storeFlags.map((flag) => (flags[flag] === '' ? '' : resolve(flags[flag])));
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}

async function run(wanted: Wanted, dataDir: string, timeoutMs: number): Promise<number> {
  const began = Date.now();
  const cluster = await claim(wanted, dataDir);
  const { name } = cluster.record.spec;
  const progress =
    process.send === undefined ? progressFor(process.stderr) : plain((line) => tellParent({ line }));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) process.stderr.write(`\ntimonier: taking cluster "${name}" down\n`);
      stopping.abort(new Error(signal));
    });
  }
  let forwards;
  try {
    await startCluster(cluster, progress, began + timeoutMs, stopping.signal);
    forwards = await startForwards(cluster);
    cluster.writeKubeconfig(forwards.addresses.api);
    const record: ClusterRecord = { ...cluster.record, phase: 'running', forwards: forwards.addresses };
    writeRecord(record);
    const text = await summary(new LocalCluster(record), Date.now() - began, process.send !== undefined);
    if (process.send === undefined) process.stdout.write(text);
    else tellParent({ done: text });
    await new Promise<void>((resolve) => {
      if (stopping.signal.aborted) resolve();
      stopping.signal.addEventListener('abort', () => resolve());
    });
  } catch (error) {
    if (!stopping.signal.aborted) {
      await forwards?.close();
      await cluster.remove(stopHostMs);
      throw error;
    }
  }
  await forwards?.close();
  await cluster.remove(stopHostMs);
  process.stderr.write(`timonier: cluster "${name}" is down; its data is in ${dataDir}\n`);
  return 0;
}

/** Checks the wish, clears what an earlier `up` left behind, and records what is about to be made. */
async function claim(wanted: Wanted, dataDir: string): Promise<LocalCluster> {
  const missing = missingPrograms(wanted.runtime ?? 'timonier');
  if (missing !== undefined) throw new Error(missing);
  if (dataDir.startsWith('/run/'))
    throw new UsageError('--data-dir cannot be below /run, which is lost at reboot');
  const leftover = readRecord(wanted.name);
  if (leftover !== undefined) {
    if (isAlive(leftover.up)) {
      throw new Error(
        `cluster "${wanted.name}" is running already (process ${leftover.up.pid}); 'timonier status --name ${wanted.name}' shows it`,
      );
    }
    process.stderr.write(`timonier: removing what an earlier 'up' of cluster "${wanted.name}" left behind\n`);
    await new LocalCluster(leftover).remove(0);
  }
  const spec = resolveSpec(wanted, readSettings(dataDir), dataDir);
  const problem = specProblem(spec) ?? storeProblem(spec);
  if (problem !== undefined) throw new UsageError(problem);
  const self = processIdentity(process.pid);
  if (self === undefined) throw new Error('cannot read /proc/self/stat; is /proc mounted?');
  const subnet = claimSubnet(spec.name, spec.subnet);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const settled = { ...spec, subnet };
  writeSettings(dataDir, settled);
  const record: ClusterRecord = {
    spec: settled,
    dataDir,
    up: self,
    phase: 'starting',
    kubeconfig: join(dataDir, 'kubeconfig'),
    forwards: { api: null, metrics: null },
  };
  writeRecord(record);
  return new LocalCluster(record);
}
