/**
 * Sentence 3: control-plane writes that were decided under one epoch are held at the API server between reading its cache
 * and committing; its master is stopped, another takes office, and the old one is resumed. None of the held writes may
 * reach the store. With the fence switched off in the real code the same check must find that they do.
 */
import { ApiSession } from '../api-session.ts';
import type { Cluster } from '../cluster.ts';
import { expect, until } from '../wait.ts';

/** Path inside every host of the file that arms failpoints. */
const failpoints = '/var/lib/timonier/failpoints';
const heldWrites = 120;
const path = '/api/v1/namespaces/default/configmaps';

export type FenceMode = 'fenced' | 'mutated';

export async function fence(
  bringUp: (env: Readonly<Record<string, string>>) => Promise<Cluster>,
  takeDown: (cluster: Cluster) => Promise<void>,
  mode: FenceMode,
): Promise<string> {
  const cluster = await bringUp({
    TIMONIER_FAILPOINTS: failpoints,
    ...(mode === 'mutated' ? { TIMONIER_MUTATION: 'no-fence' } : {}),
  });
  try {
    const { committed, rejected, from, to } = await holdStopResume(cluster);
    if (mode === 'fenced') {
      expect(
        committed.length === 0,
        `${committed.length} writes of ${from} were committed after ${to} took office: ${committed.slice(0, 3).join(', ')}`,
      );
      expect(rejected > 0, 'the fence counted no rejection');
      return `${heldWrites} writes of ${from} held, ${rejected} rejected, 0 committed after ${to}`;
    }
    expect(
      committed.length > 0,
      'no stale write was committed even without the fence: the check proves nothing',
    );
    return `${committed.length} of ${heldWrites} stale writes committed, as they must without a fence`;
  } finally {
    await takeDown(cluster);
  }
}

interface Outcome {
  /** Names of held writes whose first revision is above that of the new epoch. */
  readonly committed: readonly string[];
  readonly rejected: number;
  readonly from: string;
  readonly to: string;
}

async function holdStopResume(cluster: Cluster): Promise<Outcome> {
  const old = await cluster.activeMaster();
  const token = `${old.epoch ?? 0}@${old.name}`;
  const arm = (text: string): Promise<string> =>
    cluster.exec(old.name, ['sh', '-c', `printf '%s' '${text}' > ${failpoints}`]);
  const identity = {
    cert: await cluster.exec(old.name, ['cat', '/etc/timonier/pki/controller-manager.crt']),
    key: await cluster.exec(old.name, ['cat', '/etc/timonier/pki/controller-manager.key']),
  };
  const session = await ApiSession.open(cluster.kubeconfig, `https://${old.address}:6443`, identity);
  const observer = await ApiSession.open(cluster.kubeconfig);
  try {
    await arm('hold-commit:system:kube-controller-manager');
    const writes = Array.from({ length: heldWrites }, (_, i) =>
      session
        .send(
          'POST',
          path,
          { metadata: { name: `held-${i}`, annotations: { 'decided-under': token } } },
          { 'timonier-office': token },
          120_000,
        )
        .catch(() => undefined),
    );
    await until(`${heldWrites} writes are held`, 60_000, async () =>
      (await metric(cluster, old.name, 'timonier_failpoint_held')) >= heldWrites ? true : undefined,
    );
    await cluster.chaos('stop', old.name);
    const now = await cluster.activeMaster(old.name);
    // A write through the new active fixes the revision above which nothing of the old epoch may stand.
    const marker = await until('a write through the new active is acknowledged', 60_000, async () => {
      const { status, body } = await observer.send<{ metadata: { resourceVersion: string } }>('POST', path, {
        metadata: { generateName: 'marker-' },
      });
      return status === 201 ? BigInt(body.metadata.resourceVersion) : undefined;
    });
    await cluster.chaos('resume', old.name);
    await until(`${old.name} has demoted itself`, 60_000, async () =>
      (await cluster.status()).hosts.find(({ name }) => name === old.name)?.role === 'passive'
        ? true
        : undefined,
    );
    await arm('');
    await Promise.all(writes);
    await until('nothing is held any more', 60_000, async () =>
      (await metric(cluster, old.name, 'timonier_failpoint_held')) === 0 ? true : undefined,
    );
    const { body } = await observer.send<{
      items: { metadata: { name: string; resourceVersion: string } }[];
    }>('GET', path, undefined, {}, 60_000);
    const committed = body.items.filter(
      ({ metadata }) => metadata.name.startsWith('held-') && BigInt(metadata.resourceVersion) > marker,
    );
    const rejected = await metric(cluster, old.name, 'timonier_fence_rejections_total');
    return {
      committed: committed.map(({ metadata }) => metadata.name),
      rejected,
      from: token,
      to: `${now.epoch ?? 0}@${now.name}`,
    };
  } finally {
    session.close();
    observer.close();
  }
}

/** The sum of a metric over its labels, as the API server of the host tells it. */
async function metric(cluster: Cluster, host: string, name: string): Promise<number> {
  const text = await cluster.exec(host, [
    'busybox',
    'timeout',
    '30',
    'busybox',
    'wget',
    '-q',
    '-O',
    '-',
    'http://127.0.0.1:10244/metrics',
  ]);
  const samples = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  expect(samples.length > 0, `the API server of ${host} has no metric ${name}`);
  return samples.reduce((sum, [, value]) => sum + Number(value), 0);
}
