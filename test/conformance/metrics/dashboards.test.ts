import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { absent } from './absent.ts';
import { missingOf } from './check-needed.ts';
import { type Exposition, parseExposition } from './exposition.ts';
import { needed, neededOfContainers, neededOfKubelets } from './needed.ts';
import { runSide } from './run.ts';
import { type ComponentName, components } from './world.ts';

test('our processes have every metric and label that known dashboards and alerts ask for', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-dashboards-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  // Two processes of the API server: what they tell is put together.
  await runSide(directory, 'timonier', 2, (last) => {
    const shown = (component: ComponentName): Exposition => parseExposition(last.get(component) ?? '');
    for (const component of components)
      assert.deepEqual(missingOf(shown(component), needed[component]), [], component);
    const objects = shown('apiserver').get('apiserver_resource_objects')?.samples ?? [];
    const pods = objects.find(({ labels }) => labels['resource'] === 'pods' && labels['group'] === '');
    assert.equal(pods?.value, 4, 'each process holds all pods, and they are counted once');
  });
});

test('what is missing is told by name, label and bucket', () => {
  const exposition = parseExposition(
    [
      '# TYPE a counter',
      'a{verb="GET"} 1',
      '# TYPE b histogram',
      'b_bucket{le="1"} 1',
      'b_bucket{le="+Inf"} 1',
      '# TYPE c gauge',
    ].join('\n'),
  );
  assert.deepEqual(
    missingOf(exposition, [
      { metric: 'a', type: 'counter', labels: ['verb', 'code'] },
      { metric: 'b', type: 'histogram', bounds: [1, 5] },
      { metric: 'c', type: 'gauge' },
      { metric: 'c', type: 'gauge', mayBeEmpty: true },
      { metric: 'c', type: 'counter' },
      { metric: 'd', type: 'gauge', mayBeEmpty: true },
    ]),
    [
      'a has no label code, but verb',
      'b has no bucket up to 5',
      'c has no samples',
      'c is a gauge, not a counter',
      'd is missing',
    ],
  );
});

test('nothing is both needed and given up', () => {
  const all = [...Object.values(needed).flat(), ...neededOfKubelets, ...neededOfContainers];
  assert.deepEqual(
    all.map(({ metric }) => metric).filter((metric) => metric in absent),
    [],
  );
});
