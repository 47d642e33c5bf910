import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Backoff } from './backoff.ts';
import { createClient } from './client.ts';
import { createInformer } from './informer.ts';
import { type Answer, makeTestCa, startTestServer } from './scripted-server.ts';
import type { KubeObject, ResourceType } from './types.ts';

const pods: ResourceType = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
let ca: ReturnType<typeof makeTestCa>;

before(() => {
  ca = makeTestCa();
});
after(() => ca.remove());

const pod = (name: string, resourceVersion: string): KubeObject => ({
  metadata: { name, namespace: 'a', uid: `uid-${name}`, resourceVersion, labels: { app: name[0] ?? '' } },
});
const line = (type: string, object: KubeObject): string => `${JSON.stringify({ type, object })}\n`;
const list = (resourceVersion: string, ...items: KubeObject[]): Answer => ({
  body: { kind: 'PodList', metadata: { resourceVersion }, items },
});

/** A server whose lists and watches come from two scripts, the last entry of each repeating. */
async function withInformer(
  lists: readonly Answer[],
  watches: readonly Answer[],
  run: (context: {
    informer: ReturnType<typeof createInformer<KubeObject>>;
    events: string[];
    urls: () => URL[];
    breakConnections: () => void;
  }) => Promise<void>,
): Promise<void> {
  let listed = 0;
  let watched = 0;
  const server = await startTestServer(ca, ({ url }) => {
    const script = url.includes('watch=true') ? watches : lists;
    const index = url.includes('watch=true') ? watched++ : listed++;
    return script[Math.min(index, script.length - 1)] ?? { hang: true };
  });
  const client = createClient({ servers: [server.url], ca: ca.cert });
  const informer = createInformer(client, pods, {
    indexes: { app: (object) => [object.metadata?.labels?.['app'] ?? ''] },
  });
  const events: string[] = [];
  informer.on(({ type, object }) => events.push(`${type} ${object.metadata?.name ?? ''}`));
  try {
    await run({
      informer,
      events,
      urls: () => server.requests.map(({ url }) => new URL(url, server.url)),
      breakConnections: () => server.breakConnections(),
    });
  } finally {
    await informer.stop();
    await client.close();
    await server.close();
  }
}

const never = new AbortController().signal;

test('a list and then a watch keep the copy and its indexes current', async () => {
  const watch = {
    chunks: [
      line('ADDED', pod('b1', '6')),
      line('MODIFIED', pod('a1', '7')),
      line('DELETED', pod('b1', '8')),
    ],
    open: true,
  };
  await withInformer([list('5', pod('a1', '3'))], [watch], async ({ informer, events }) => {
    assert.ok(await informer.until(() => informer.resourceVersion === '8', never, 30_000));
    assert.deepEqual(events, ['added a1', 'added b1', 'updated a1', 'deleted b1']);
    assert.equal(informer.byIndex('app', 'a').length, 1);
    assert.equal(informer.byIndex('app', 'b').length, 0);
  });
});

test('a watch that breaks resumes where it ended, without a new list', async () => {
  const first = {
    chunks: [line('ADDED', pod('b1', '6')), line('BOOKMARK', { metadata: { resourceVersion: '9' } })],
  };
  const second = { chunks: [line('ADDED', pod('c1', '10'))], open: true };
  await withInformer([list('5')], [first, second], async ({ informer, events, urls }) => {
    assert.ok(await informer.until(() => informer.resourceVersion === '10', never, 30_000));
    assert.deepEqual(events, ['added b1', 'added c1']);
    const [lists, watches] = [false, true].map((w) =>
      urls().filter((url) => url.searchParams.has('watch') === w),
    );
    assert.equal(lists?.length, 1);
    assert.deepEqual(
      watches?.map((url) => url.searchParams.get('resourceVersion')),
      ['5', '9'],
    );
  });
});

test('a version that is gone leads to one new list, which shows only what differs', async () => {
  const gone = { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired' } };
  const lists = [list('5', pod('a1', '3'), pod('b1', '4')), list('50', pod('a1', '3'), pod('c1', '40'))];
  await withInformer(lists, [gone, { chunks: [], open: true }], async ({ informer, events, urls }) => {
    assert.ok(await informer.until(() => informer.resourceVersion === '50', never, 30_000));
    assert.deepEqual(events, ['added a1', 'added b1', 'added c1', 'deleted b1']);
    assert.equal(urls().filter((url) => !url.searchParams.has('watch')).length, 2);
  });
});

test('catching up lists anew when no event or bookmark shows the revision in time', async () => {
  const silent = { stream: (write: (text: string) => void) => write('\n') };
  await withInformer([list('5'), list('21', pod('a1', '20'))], [silent], async ({ informer, urls }) => {
    await informer.synced;
    await informer.catchUp(20, AbortSignal.timeout(30_000), 20);
    assert.equal(informer.get({ namespace: 'a', name: 'a1' })?.metadata?.resourceVersion, '20');
    assert.equal(
      urls()
        .findLast((url) => !url.searchParams.has('watch'))
        ?.searchParams.get('resourceVersion'),
      '20',
    );
  });
});

test('a bookmark of the revision ends the wait for it, without a new list', async () => {
  let show: (text: string) => void = () => undefined;
  const quiet = {
    stream: (write: (text: string) => void) => {
      show = write;
      write('\n');
    },
  };
  await withInformer([list('5', pod('a1', '3'))], [quiet], async ({ informer, events, urls }) => {
    await informer.synced;
    const caughtUp = informer.catchUp(20, AbortSignal.timeout(60_000), 120_000);
    const watching = (): boolean => urls().some((url) => url.searchParams.has('watch'));
    while (!watching()) await new Promise((resolve) => setImmediate(resolve));
    show(line('BOOKMARK', { metadata: { resourceVersion: '20' } }));
    await caughtUp;
    assert.equal(urls().length, 2, 'one list and one watch');
    assert.deepEqual(events, ['added a1']);
  });
});

test('waiting for a revision cuts the pauses between failures short', async () => {
  const failed = Promise.withResolvers<void>();
  let cured = false;
  const failing: Answer = { status: 500, body: { kind: 'Status', code: 500 } };
  const current = { chunks: [line('BOOKMARK', { metadata: { resourceVersion: '20' } })], open: true };
  const server = await startTestServer(ca, ({ url }) => {
    if (!url.includes('watch=true')) return list('5');
    if (cured) return current;
    failed.resolve();
    return failing;
  });
  const client = createClient({ servers: [server.url], ca: ca.cert });
  // Longer than any test may take.
  const informer = createInformer(client, pods, { backoff: new Backoff(3_600_000, 3_600_000) });
  try {
    await failed.promise;
    cured = true;
    await informer.catchUp(20, AbortSignal.timeout(60_000), 120_000);
    assert.equal(server.requests.filter(({ url }) => !url.includes('watch=true')).length, 1);
  } finally {
    await informer.stop();
    await client.close();
    await server.close();
  }
});

test('an object deleted and created again under its name is seen as two objects', async () => {
  const again = { ...pod('a1', '40'), metadata: { ...pod('a1', '40').metadata, uid: 'other' } };
  const gone = { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired' } };
  const lists = [list('5', pod('a1', '3')), list('50', again)];
  await withInformer(lists, [gone, { chunks: [], open: true }], async ({ informer, events }) => {
    assert.ok(await informer.until(() => informer.resourceVersion === '50', never, 30_000));
    assert.deepEqual(events, ['added a1', 'deleted a1', 'added a1']);
  });
});
