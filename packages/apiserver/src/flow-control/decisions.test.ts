import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateSeats } from './allocation.ts';
import { suggestedLevels, suggestedSchemas } from './bootstrap-objects.ts';
import { borrow } from './borrowing.ts';
import { digest } from './configuration.ts';
import { withDangling } from './dangling.ts';
import { type MatchedRequest, matchesRules, rulesFor } from './matching.ts';
import { mended } from './reconcile.ts';
import { RetryAfter } from './retry-after.ts';
import { SeatDemand } from './seat-demand.ts';
import { WatchCounts } from './watch-counts.ts';
import { estimateList, estimateWrite } from './work-estimate.ts';

function fail(): never {
  throw new Error('not there');
}

const base: MatchedRequest = {
  path: '',
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: 'default',
  name: '',
  subresource: '',
};

function classified(name: string, groups: string[], request: Partial<MatchedRequest>): string {
  const user = { name, groups };
  const { schemas } = digest(suggestedSchemas, suggestedLevels, 600);
  const found = schemas.find(({ schema }) => matchesRules(rulesFor(schema, user), { ...base, ...request }));
  return `${found?.schema.metadata?.name} ${found?.level.name}`;
}

test('requests come to the level that upstream gives them', () => {
  const node = ['system:nodes', 'system:authenticated'];
  const account = ['system:serviceaccounts', 'system:authenticated'];
  const anyone = ['system:authenticated'];
  const lease = { group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease' };
  const table: readonly (readonly [string, string[], Partial<MatchedRequest>, string])[] = [
    ['admin', ['system:masters', ...anyone], {}, 'exempt exempt'],
    ['someone', anyone, { resource: undefined, path: '/readyz' } as never, 'probes exempt'],
    ['someone', anyone, { resource: undefined, path: '/metrics' } as never, 'global-default global-default'],
    ['system:kube-scheduler', anyone, { ...lease, verb: 'update' }, 'system-leader-election leader-election'],
    ['system:kube-scheduler', anyone, { ...lease, verb: 'watch' }, 'kube-scheduler workload-high'],
    ['system:node:a', node, { ...lease, verb: 'update' }, 'system-node-high node-high'],
    [
      'system:node:a',
      node,
      { resource: 'nodes', subresource: 'status', namespace: '' },
      'system-node-high node-high',
    ],
    ['system:node:a', node, { resource: 'pods' }, 'system-nodes system'],
    ['system:serviceaccount:kube-system:dns', account, {}, 'kube-system-service-accounts workload-high'],
    ['system:serviceaccount:kube-system:a:b', account, {}, 'service-accounts workload-low'],
    ['system:serviceaccount:shop:web', account, {}, 'service-accounts workload-low'],
    ['someone', anyone, {}, 'global-default global-default'],
    ['someone', ['other'], {}, 'undefined undefined'],
  ];
  for (const [name, groups, request, expected] of table)
    assert.equal(classified(name, groups, request), expected, `${name} ${JSON.stringify(request)}`);
});

test('seats are divided by shares, and schemas without a level are told apart', () => {
  const lost = structuredClone(suggestedSchemas[0] ?? fail());
  lost.metadata = { name: 'lost' };
  (lost.spec ?? fail()).priorityLevelConfiguration.name = 'nowhere';
  const { levels, dangling } = digest([...suggestedSchemas, lost], suggestedLevels, 600);
  const seats = Object.fromEntries(levels.map(({ name, nominal, least }) => [name, [nominal, least]]));
  assert.deepEqual(seats, {
    system: [74, 50],
    'node-high': [98, 73],
    'leader-election': [25, 25],
    'workload-high': [98, 49],
    'workload-low': [245, 24],
    'global-default': [49, 24],
    exempt: [0, 0],
    'catch-all': [13, 13],
  });
  assert.deepEqual([...dangling], ['lost']);
});

test('a level that makes no sense is left out, and the mandatory ones are always there', () => {
  const broken = structuredClone(suggestedLevels.slice(0, 1));
  const queuing = broken[0]?.spec?.limited?.limitResponse?.queuing;
  assert.ok(queuing);
  queuing.queues = 2 ** 30;
  assert.deepEqual(
    digest([], broken, 100).levels.map(({ name }) => name),
    ['exempt', 'catch-all'],
  );
});

test('a level that is idle lends, and one that is busy borrows, within their bounds', () => {
  const { levels } = digest(suggestedSchemas, suggestedLevels, 600);
  const none = { average: 0, deviation: 0, peak: 0, smoothed: 0 };
  const busy = { average: 400, deviation: 50, peak: 500, smoothed: 450 };
  const limits = borrow(
    levels.map((config) => ({ config, demand: config.name === 'global-default' ? busy : none })),
  );
  const byName = new Map(levels.map(({ name }, i) => [name, limits[i]?.limit ?? 0]));
  assert.ok((byName.get('global-default') ?? 0) > 200, JSON.stringify([...byName]));
  for (const { name, least, most } of levels) {
    const limit = byName.get(name) ?? -1;
    assert.ok(limit >= least && limit <= Math.max(1, most), `${name}: ${limit}`);
  }
  const total = levels.reduce((sum, { nominal }) => sum + nominal, 0);
  const given = limits.reduce((sum, { limit }) => sum + limit, 0);
  assert.ok(Math.abs(given - total) <= levels.length, `${given} of ${total}`);
});

test('everybody gets the same proportion of a wish, but for the bounds', () => {
  const shares = allocateSeats(100, [
    { target: 100, least: 0, most: 100 },
    { target: 50, least: 0, most: 100 },
    { target: 50, least: 40, most: 100 },
  ]);
  assert.deepEqual(shares.map(Math.round), [40, 20, 40]);
});

test('demand follows a rise at once and a fall slowly', () => {
  const demand = new SeatDemand(0);
  demand.set(100, 0);
  assert.deepEqual(demand.take(10_000), { average: 100, deviation: 0, peak: 100, smoothed: 100 });
  demand.set(0, 10_000);
  const after = demand.take(20_000);
  assert.equal(after.average, 0);
  assert.ok(after.smoothed > 90 && after.smoothed < 100);
});

test('those turned away hear a longer time the more they are, and a shorter one when it is quiet', () => {
  const retry = new RetryAfter();
  const busy = (from: number, to: number): void => {
    for (let second = from; second < to; second++) for (let i = 0; i < 10; i++) retry.record(second);
  };
  busy(1_000, 1_002);
  assert.equal(retry.seconds, 2);
  busy(1_002, 1_200);
  assert.equal(retry.seconds, 32);
  for (let second = 2_000; second < 3_500; second += 40) retry.record(second);
  assert.equal(retry.seconds, 1);
});

test('a list is as wide as the bytes it holds, a write as those who watch', () => {
  const shape = {
    isWatch: false,
    isSingle: false,
    hasSelector: false,
    limit: 0,
    match: '',
    hasContinue: false,
  };
  const size = { count: 10_000, bytes: 20_000_000 };
  assert.equal(estimateList(shape, size, 50).initialSeats, 10);
  assert.equal(estimateList({ ...shape, limit: 100 }, size, 50).initialSeats, 2);
  assert.equal(estimateList({ ...shape, isSingle: true }, size, 50).initialSeats, 1);
  assert.equal(estimateList({ ...shape, match: 'Exact' }, size, 50).initialSeats, 50);
  assert.equal(estimateList(shape, size, 4).initialSeats, 4);
  assert.equal(estimateList(shape, { count: 0, bytes: 0 }, 4).initialSeats, 1);
  assert.deepEqual(estimateWrite(3, 10), { initialSeats: 1, finalSeats: 0, additionalMs: 0 });
  assert.deepEqual(estimateWrite(45, 10), { initialSeats: 1, finalSeats: 5, additionalMs: 5 });
  assert.deepEqual(estimateWrite(200, 10), { initialSeats: 1, finalSeats: 10, additionalMs: 10 });
});

test('watches count for the writes that they see', () => {
  const counts = new WatchCounts();
  const everywhere = { group: '', resource: 'pods', namespace: '', name: '' };
  const forget = counts.add(everywhere, false);
  counts.add({ ...everywhere, namespace: 'a' }, false);
  counts.add({ ...everywhere, namespace: 'b' }, false);
  for (let i = 0; i < 50; i++) counts.add(everywhere, true);
  assert.equal(counts.concernedBy({ ...everywhere, namespace: 'a', name: 'x' }), 3);
  forget();
  assert.equal(counts.concernedBy({ ...everywhere, namespace: 'a', name: 'x' }), 2);
  assert.equal(counts.concernedBy({ ...everywhere, resource: 'nodes' }), 0);
});

test('what an administrator changed stays, unless it is mandatory or asked to follow', () => {
  const wanted = suggestedLevels[0];
  assert.ok(wanted);
  const changed = structuredClone(wanted);
  (changed.spec?.limited ?? fail()).nominalConcurrencyShares = 1;
  assert.deepEqual(mended(changed, wanted)?.spec, wanted.spec);
  const kept = {
    ...changed,
    metadata: { ...changed.metadata, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
  };
  assert.equal(mended(kept, wanted), undefined);
  const own: typeof changed = { ...changed, metadata: { name: 'system', generation: 2 } };
  assert.equal(mended(own, wanted)?.metadata?.annotations?.['apf.kubernetes.io/autoupdate-spec'], 'false');
  assert.equal(mended(own, wanted)?.spec?.limited?.nominalConcurrencyShares, 1);
  assert.equal(mended(wanted, wanted), undefined);
});

test('the condition says whether the level is there, and when that changed', () => {
  const schema = suggestedSchemas[0] ?? fail();
  const found = withDangling(schema, false, 1_000) ?? fail();
  assert.equal(found.status?.conditions?.[0]?.status, 'False');
  assert.equal(withDangling(found, false, 9_000), undefined);
  const lost = withDangling(found, true, 9_000);
  assert.deepEqual(lost?.status?.conditions, [
    {
      type: 'Dangling',
      status: 'True',
      reason: 'NotFound',
      message:
        'This FlowSchema references the PriorityLevelConfiguration object named "system" but there is no such object',
      lastTransitionTime: '1970-01-01T00:00:09Z',
    },
  ]);
});
