import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { registerPlain } from '../metrics/plain-metric.ts';
import { MergedMetrics } from './merged-metrics.ts';

function processWith(requests: number, open: number): Registry {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'requests_total', help: 'Requests.', labelNames: ['code'], registers }).inc(
    { code: '200' },
    requests,
  );
  new Gauge({ name: 'open', help: 'Open.', registers }).set(open);
  const seconds = new Histogram({ name: 'seconds', help: 'Seconds.', buckets: [1, 2], registers });
  for (let i = 0; i < requests; i++) seconds.observe(1.5);
  new Gauge({ name: 'info', help: 'Always 1.', aggregator: 'first', registers }).set(1);
  new Gauge({ name: 'began', help: 'When.', aggregator: 'omit', registers }).set(100 + open);
  const plain = { name: 'objects', type: 'gauge', help: 'Objects.', aggregator: 'max' } as const;
  registerPlain(registry, plain, () => [{ labels: { resource: 'pods' }, value: open }]);
  return registry;
}

test('metrics of several processes are sums, unless they say otherwise', async () => {
  const merged = new MergedMetrics();
  const snapshots = [processWith(2, 3), processWith(5, 4)].map((one) => one.getMetricsAsJSON());
  const text = await merged.text(await Promise.all(snapshots));
  for (const line of [
    'requests_total{code="200"} 7',
    'open 7',
    'seconds_bucket{le="1"} 0',
    'seconds_bucket{le="2"} 7',
    'seconds_count 7',
    'info 1',
    'began 103',
    'objects{resource="pods"} 4',
  ])
    assert.ok(text.split('\n').includes(line), `${line} is in\n${text}`);
});

test('what an ended process has counted stays counted, and what it had open does not', async () => {
  const merged = new MergedMetrics();
  await merged.depart(await processWith(2, 3).getMetricsAsJSON());
  await merged.depart(await processWith(10, 3).getMetricsAsJSON());
  const text = await merged.text([await processWith(1, 4).getMetricsAsJSON()]);
  for (const line of ['requests_total{code="200"} 13', 'open 4', 'seconds_count 13'])
    assert.ok(text.split('\n').includes(line), `${line} is in\n${text}`);
});
