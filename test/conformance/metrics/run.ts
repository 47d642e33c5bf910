/** One side from its start to its last scrape: what it answered, what the traffic alone counted, and what it shows at last. */
import { until } from '../../acceptance/wait.ts';
import { jsonOf } from '../peer/calls.ts';
import { Kubelets } from '../upstream/kubelets.ts';
import type { Exposition } from './exposition.ts';
import { parseExposition } from './exposition.ts';
import { sendTraffic, work } from './traffic.ts';
import { type ComponentName, components, Side } from './world.ts';

export const nodes = ['node-1'] as const;
const workMs = 120_000;

export interface Seen {
  /** Codes of the answers, in the order of the requests. */
  readonly codes: readonly number[];
  /** The API server before and after the traffic, while nobody else asks. */
  readonly before: Exposition;
  readonly after: Exposition;
  /** Everybody, with loops at work. */
  readonly last: ReadonlyMap<ComponentName, string>;
}

/** `check` throws until what is shown at last is as it should be: loops are at work, and caches hear of it when they do. */
export async function runSide(
  directory: string,
  kind: 'timonier' | 'kubernetes',
  workers: number,
  check: (last: Seen['last']) => void = () => undefined,
): Promise<Seen> {
  const side = await Side.start(directory, kind, { workers, nodes });
  const kubelets = new Kubelets((name) => side.plane.kubelet(name));
  try {
    const { connections } = side;
    await until('the namespace is there', workMs, async () =>
      (await connections.send({ method: 'GET', path: '/api/v1/namespaces/default' })).status === 200
        ? true
        : undefined,
    );
    const before = await side.scrape('apiserver');
    const codes = await sendTraffic(connections);
    const after = await side.scrape('apiserver');
    await (kind === 'timonier' ? side.startOwnLoops() : side.startUpstreamLoops());
    for (const name of nodes) await kubelets.add(name);
    await until('the namespace has its account', workMs, async () =>
      (await connections.send({ method: 'GET', path: '/api/v1/namespaces/default/serviceaccounts/default' }))
        .status === 200
        ? true
        : undefined,
    );
    for (const call of work) {
      const { status, text } = await connections.send(call);
      if (status !== 201) throw new Error(`${call.method} ${call.path} answered ${status}: ${text}`);
    }
    await until('three pods run', workMs, async () => {
      const list = jsonOf(
        await connections.send({ method: 'GET', path: '/api/v1/namespaces/default/pods' }),
      ) as { items: { status: { phase: string } }[] } | undefined;
      return list?.items.filter(({ status }) => status.phase === 'Running').length === 3 ? true : undefined;
    });
    const last = await until('everybody shows what is asked for', workMs, async () => {
      const texts = new Map<ComponentName, string>();
      for (const component of components) texts.set(component, await side.text(component));
      for (const text of texts.values()) parseExposition(text);
      check(texts);
      return texts;
    });
    return { codes, before, after, last };
  } finally {
    await kubelets.stop();
    await side.close();
  }
}
