import type { Node } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Disruption, type EvictionSettings, evictionRate, zoneOf, zoneState } from './disruption.ts';

const settings: EvictionSettings = {
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  largeClusterSizeThreshold: 50,
  unhealthyZoneThreshold: 0.55,
};

const node = (name: string, zone = ''): Node => ({
  metadata: { name, labels: zone === '' ? {} : { 'topology.kubernetes.io/zone': zone } },
});
const nodes = (count: number, zone = ''): Node[] =>
  Array.from({ length: count }, (_, i) => node(`${zone}n${i}`, zone));
const lost =
  (...names: string[]) =>
  ({ metadata }: Node): boolean =>
    names.includes(metadata?.name ?? '');

test('a zone is partly lost from a share of its nodes on, but never for one or two', () => {
  for (const [ready, gone, expected] of [
    [0, 0, 'Normal'],
    [1, 1, 'Normal'],
    [1, 2, 'Normal'],
    [0, 1, 'FullDisruption'],
    [0, 3, 'FullDisruption'],
    [9, 11, 'PartialDisruption'],
    [10, 10, 'Normal'],
    [1, 3, 'PartialDisruption'],
  ] as const) {
    assert.equal(zoneState(ready, gone, 0.55), expected, `${ready} ready, ${gone} lost`);
  }
});

test('a partly lost zone is evicted slowly when it is large, and not at all when it is small', () => {
  for (const [state, size, expected] of [
    ['Normal', 5, 0.1],
    ['FullDisruption', 5, 0.1],
    ['PartialDisruption', 50, 0],
    ['PartialDisruption', 51, 0.01],
  ] as const) {
    assert.equal(evictionRate(state, size, settings), expected, `${state} of ${size}`);
  }
});

test('zones are told apart by their labels', () => {
  assert.notEqual(zoneOf(node('a', 'x')), zoneOf(node('b', 'y')));
  assert.equal(zoneOf(node('a')), zoneOf({}));
});

test('the first lost node goes at once, the next ten seconds later, and asking again costs nothing', () => {
  const disruption = new Disruption(settings);
  const all = nodes(5);
  const [first, second] = all;
  assert.ok(first && second);
  assert.equal(disruption.observe(all, lost('n0', 'n1'), 1_000), undefined);
  assert.equal(disruption.request(first, 1_000), 0);
  assert.equal(disruption.request(first, 1_000), 0);
  assert.ok(disruption.request(second, 1_000) > 0);
  for (let now = 2_000; now < 11_000; now += 100) assert.ok(disruption.request(second, now) > 0);
  assert.equal(disruption.request(second, 11_000), 0);
});

test('one of two nodes is evicted, for the other can take its pods over', () => {
  const disruption = new Disruption(settings);
  const all = nodes(2);
  disruption.observe(all, lost('n0'), 0);
  assert.equal(disruption.total, false);
  assert.equal(disruption.request(node('n0'), 0), 0);
});

test('when every zone is lost nothing is evicted, and both ends of that time are told', () => {
  const disruption = new Disruption(settings);
  const all = [...nodes(2, 'a'), ...nodes(2, 'b')];
  const everyone = (): boolean => true;
  assert.equal(disruption.observe(all, lost('an0', 'an1'), 0), undefined);
  assert.equal(disruption.request(node('an0', 'a'), 0), 0, 'one whole zone is evicted as usual');
  assert.equal(disruption.observe(all, everyone, 100), 'entered');
  assert.equal(disruption.observe(all, everyone, 200), undefined);
  assert.ok(disruption.request(node('an0', 'a'), 200) > 0, 'not even one that was granted before');
  assert.equal(disruption.observe(all, lost('bn0'), 300), 'left');
  assert.equal(disruption.request(node('bn0', 'b'), 300), 0);
});

test('a small zone that is partly lost is left alone until it is better', () => {
  const disruption = new Disruption(settings);
  const all = nodes(5);
  disruption.observe(all, lost('n0', 'n1', 'n2'), 0);
  assert.ok(disruption.request(node('n0'), 3_600_000) > 0);
  disruption.observe(all, lost('n0', 'n1'), 3_600_000);
  assert.equal(disruption.request(node('n0'), 3_600_000), 0);
  assert.ok(disruption.request(node('n1'), 3_601_000) > 0);
  assert.equal(disruption.request(node('n1'), 3_610_000), 0);
});

test('a node that was well in between needs a token again', () => {
  const disruption = new Disruption(settings);
  disruption.observe(nodes(3), lost('n0'), 0);
  assert.equal(disruption.request(node('n0'), 0), 0);
  disruption.forget('n0');
  assert.ok(disruption.request(node('n0'), 0) > 0);
});
