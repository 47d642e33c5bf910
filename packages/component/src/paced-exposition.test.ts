import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { pacedExposition } from './paced-exposition.ts';

function largeRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({ name: 'one', help: 'One.', registers }).set(1);
  for (let i = 0; i < 60; i++) {
    const name = `seconds_${i}`;
    const histogram = new Histogram({ name, help: 'Seconds.', labelNames: ['path'], registers });
    for (let k = 0; k < 20; k++) histogram.observe({ path: `p${k}` }, k / 10);
  }
  new Counter({ name: 'requests_total', help: 'Requests.', registers }).inc(3);
  return registry;
}

test('a text in turns is the text of the registry, and others get turns meanwhile', async () => {
  const registry = largeRegistry();
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const text = await pacedExposition(registry).metrics();
  isDone = true;
  assert.ok(turns > 1, `${turns} turns`);
  assert.equal(text, await registry.metrics());
});
