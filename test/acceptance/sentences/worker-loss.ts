/** Sentence 4, and the second half of 5: a lost host's pods are replaced on the hosts that are left. */
import type { Cluster } from '../cluster.ts';
import { expect, until } from '../wait.ts';
import { helloManifest, isReady, type Pod, readyPods } from './hello.ts';

/** Kills `host`, waits until the demo runs without it, brings it back, and returns how long the replacement took. */
export async function replacedAfterKilling(cluster: Cluster, host: string): Promise<string> {
  await cluster.kubectl('apply', '-f', helloManifest);
  const before = await readyPods(cluster, 4);
  expect(
    before.some((pod) => pod.spec.nodeName === host),
    `no pod of the demo runs on ${host}`,
  );
  const start = Date.now();
  await cluster.chaos('kill', host);
  await until(`4 pods are ready on hosts other than ${host}`, 90_000, async () => {
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '-l', 'app=hello');
    return items.filter((pod) => isReady(pod) && pod.spec.nodeName !== host).length === 4 ? true : undefined;
  });
  const took = Date.now() - start;
  await cluster.chaos('restart', host);
  await until(`${host} is back`, 60_000, async () =>
    (await cluster.status()).hosts.find(({ name }) => name === host)?.ready === true ? true : undefined,
  );
  await readyPods(cluster, 4);
  await cluster.kubectl('delete', '-f', helloManifest, '--timeout=60s');
  return `replaced ${(took / 1000).toFixed(1)} s after ${host} was killed`;
}
