/**
 * The real kubectl on every kind: what `api-resources` lists against the record of upstream's list, and all examples
 * applied, shown, explained and deleted. After a wanted change of the list: UPDATE_GOLDEN=1.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiVersionOf, openapiV3, registry } from '@timonier/api';
import { modelTexts } from '@timonier/api/openapi/model-texts';
import { examples, storedKinds } from '../../api/src/testing/examples.ts';
import { startApiServer } from './testing/harness.ts';
import { kubectlFor, succeeding } from './testing/kubectl.ts';
import { startEtcd } from './testing/real-etcd.ts';

const recordFile = join(import.meta.dirname, 'testing/api-resources.txt');
/** Not made by hand: the server makes and answers them itself. */
const own = new Set(['namespaces', 'events']);

/** One line a resource, in single spaces: columns are as wide as their widest cell. */
function normalized(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd().replace(/ {2,}/g, '  '))
    .join('\n');
}

test('kubectl lists, applies, shows, explains and deletes every kind', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const ok = succeeding(kubectl);
  const listed = normalized(await ok('api-resources -o wide --no-headers --sort-by=name'));
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(recordFile, `${listed}\n`);
  assert.deepEqual(listed.split('\n'), readFileSync(recordFile, 'utf8').trimEnd().split('\n'));

  const all = examples().filter(({ info }) => !own.has(info.resource));
  const manifest = JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: all.map(({ object }) => object()),
  });
  const applied = await ok('apply --server-side -f -', manifest);
  assert.equal(applied.trim().split('\n').length, all.length);
  const names = all.map(({ info }) => [info.resource, info.version, info.group].join('.'));
  const shown = await ok(`get --show-kind ${[...new Set(names)].join(',')}`);
  for (const { info, object } of all) {
    const group = info.group === '' ? '' : `.${info.group}`;
    const shownName = `${info.singular}${group}/${object().metadata?.name}`;
    assert.ok(shown.includes(shownName), `${shownName} is not shown`);
  }
  const explained = await ok('explain cronjob.spec.jobTemplate.spec.podFailurePolicy.rules');
  assert.match(explained, /FIELD: rules <\[\]PodFailurePolicyRule>/);
  assert.match(await ok('explain ingress.spec.rules.http.paths.pathType'), /ENUM|pathType <string>/);
  assert.match(await ok('diff -f - --server-side', manifest), /^$/);
  const deleted = await ok('delete --wait=false -f -', manifest);
  assert.equal(deleted.trim().split('\n').length, all.length);
});

test('every kind has a schema with a description for explain', () => {
  const texts = modelTexts();
  const options = { registry, served: () => true, texts };
  for (const info of storedKinds()) {
    const document = openapiV3(options, info);
    assert.ok(document);
    const { schemas } = document['components'] as {
      schemas: Record<
        string,
        { description?: string; properties?: Record<string, { description?: string }> }
      >;
    };
    const own = schemas[info.schema.message ?? ''];
    assert.ok(own?.description, `${apiVersionOf(info)} ${info.kind} has no description`);
    const fields = Object.entries(own.properties ?? {}).filter(
      ([, field]) => field.description !== undefined,
    );
    assert.ok(fields.length > 2, `${apiVersionOf(info)} ${info.kind} does not describe its fields`);
  }
});
