import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '@timonier/api';
import type { Representation } from '../http/media.ts';
import type { RequestContext } from '../request-context.ts';
import { respondObject } from './respond.ts';

test('an object is shown as was settled before anything was done, and nobody is asked again', async () => {
  const info = registry.lookup('', 'v1', 'configmaps');
  assert.ok(info);
  const shownAs: Representation = { media: 'yaml', form: 'object', metaVersion: 'v1', pretty: false };
  const sent: unknown[] = [];
  const exchange = {
    shownAs,
    query: new URLSearchParams(),
    header: () => assert.fail('what the client accepts was read again'),
    send: (status: number, type: string) => void sent.push(status, type),
  };
  // Nothing else of a request is looked at.
  const context = { exchange, target: { info } } as unknown as RequestContext;
  await respondObject(context, 201, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  assert.deepEqual(sent, [201, 'application/yaml']);
});
