import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceInfo } from '@timonier/api';
import { Registry } from 'prom-client';
import type { Exchange } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { RequestMetrics } from './request-metrics.ts';

function infoOf(resource: string): ResourceInfo {
  const subresources = [{ name: 'status' }, { name: 'log' }, { name: 'exec' }];
  // What is counted reads no more of it.
  return { group: '', version: 'v1', resource, subresources } as unknown as ResourceInfo;
}

function exchangeOf(search = '', contentType = 'application/json'): Exchange {
  const query = new URLSearchParams(search);
  const known = { url: { search }, query, header: () => contentType, method: 'POST', statusCode: 201 };
  return { ...known, sentBytes: 10 } as unknown as Exchange;
}

const pods = infoOf('pods');
const create: ResourceRequest = {
  verb: 'create',
  info: pods,
  namespace: 'default',
  name: '',
  subresource: '',
};

class Counted {
  readonly registry = new Registry();
  readonly metrics = new RequestMetrics(this.registry);

  request(target: ResourceRequest, exchange = exchangeOf()): void {
    this.metrics.count(this.metrics.seriesOf(exchange, target), exchange, 20, 10);
  }

  async lines(name: string): Promise<string[]> {
    const text = await this.registry.getSingleMetricAsString(name);
    return text.split('\n').filter((line) => line.startsWith(name));
  }
}

test('requests are told by method, scope, dry run and apply, as upstream tells them', async () => {
  const counted = new Counted();
  counted.request(create);
  counted.request(create, exchangeOf('?dryRun=All'));
  counted.request(create, exchangeOf('?dryRun=some'));
  counted.request({ ...create, verb: 'patch', name: 'a' }, exchangeOf('', 'application/apply-patch+yaml'));
  counted.request({ ...create, verb: 'deletecollection' });
  counted.request({ ...create, verb: 'list', namespace: '' });
  counted.request({ ...create, verb: 'create', name: 'a', subresource: 'exec' });
  const seen = (await counted.lines('apiserver_request_total')).map((line) =>
    ['verb', 'scope', 'subresource', 'dry_run']
      .map((label) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1])
      .join(' '),
  );
  assert.deepEqual(seen, [
    'POST resource  ',
    'POST resource  All',
    'POST resource  invalid',
    'APPLY resource  ',
    'DELETE namespace  ',
    'LIST cluster  ',
    'CONNECT resource exec ',
  ]);
});

test('whatever clients send there is a bounded number of series', async () => {
  const counted = new Counted();
  for (let i = 0; i < 1_000; i++) {
    counted.request({ ...create, verb: 'get', name: `pod-${i}`, namespace: `ns-${i}` });
    counted.request({ ...create, verb: 'get', name: 'a', subresource: `status/${i}` });
    counted.request(create, exchangeOf(`?dryRun=${i}`));
    assert.equal(counted.metrics.seriesOfPath(`/somewhere/${i}`), undefined);
    counted.metrics.seriesOfPath(`/healthz/${i}`);
  }
  assert.equal((await counted.lines('apiserver_request_total')).length, 3);
});

test('a definition that changed counts on in the same series', async () => {
  const counted = new Counted();
  counted.request(create);
  counted.request({ ...create, info: infoOf('pods') });
  const lines = await counted.lines('apiserver_request_total');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', / 2$/);
});

test('a dry run counts as a request, and not in what is promised of requests', async () => {
  const counted = new Counted();
  counted.request(create, exchangeOf('?dryRun=All'));
  assert.deepEqual(await counted.lines('apiserver_request_sli_duration_seconds'), []);
  counted.request(create);
  const text = await counted.registry.getSingleMetricAsString('apiserver_request_sli_duration_seconds');
  const count = text
    .split('\n')
    .find((line) => line.startsWith('apiserver_request_sli_duration_seconds_count'));
  assert.match(count ?? '', / 1$/);
  assert.doesNotMatch(count ?? '', /dry_run/);
});

test('a request that was turned away counts with its code, and as ended by the server', async () => {
  const counted = new Counted();
  counted.metrics.refused(exchangeOf(), create);
  for (const name of ['apiserver_request_total', 'apiserver_request_terminations_total']) {
    const lines = await counted.lines(name);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /code="429"\} 1$/);
  }
});
