import { resources, type Secret } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactVerify, FlattenedSign, flattenedVerify } from 'jose';
import { clusterInfo, startBootstrapSigner } from '../bootstrapsigner/controller.ts';
import { decide, detachedSignature } from '../bootstrapsigner/decide.ts';
import type { MemoryApi } from '../memory-api.ts';
import { inLoopWorld } from '../memory-loop.ts';
import { startTokenCleaner } from '../tokencleaner/controller.ts';
import { bootstrapToken } from './token.ts';

const never = new AbortController().signal;
const secret = '0123456789abcdef';

function tokenSecret(id: string, more: Readonly<Record<string, string>> = {}): Secret {
  const data = { 'token-id': id, 'token-secret': secret, 'usage-bootstrap-signing': 'true', ...more };
  return {
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system', uid: id },
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  };
}

test('a signature without its content is one that others can check', async () => {
  const key = new TextEncoder().encode(secret);
  const [header = '', , signature = ''] = detachedSignature('hello', { id: 'abcdef', secret }).split('.');
  const payload = Buffer.from('hello').toString('base64url');
  const { protectedHeader } = await compactVerify(`${header}.${payload}.${signature}`, key);
  assert.deepEqual(protectedHeader, { alg: 'HS256', kid: 'abcdef' });
  const theirs = await new FlattenedSign(new TextEncoder().encode('hello'))
    .setProtectedHeader({ alg: 'HS256', kid: 'abcdef' })
    .sign(key);
  assert.equal(theirs.signature, signature);
  await assert.rejects(
    flattenedVerify({ protected: header, payload, signature }, new TextEncoder().encode('another')),
  );
});

test('every token that may sign does, and no other', () => {
  const now = Date.parse('2030-01-01T00:00:00Z');
  const tokens = [
    tokenSecret('aaaaaa'),
    tokenSecret('bbbbbb', { 'usage-bootstrap-signing': 'false' }),
    tokenSecret('cccccc', { expiration: '2029-12-31T00:00:00Z' }),
    tokenSecret('dddddd', { expiration: 'tomorrow' }),
    tokenSecret('eeeeee', { 'token-id': 'ffffff' }),
    { ...tokenSecret('gggggg'), type: 'Opaque' },
  ].flatMap((one) => bootstrapToken(one) ?? []);
  const data = { kubeconfig: 'k', 'jws-kubeconfig-zzzzzz': 'old', other: 'kept' };
  const signed = decide({ data }, tokens, now);
  assert.deepEqual(Object.keys(signed ?? {}).sort(), ['jws-kubeconfig-aaaaaa', 'kubeconfig', 'other']);
  assert.equal(decide({ data: signed ?? {} }, tokens, now), undefined);
  assert.equal(decide({ data: { other: 'x' } }, tokens, now), undefined);
});

test('the description of the cluster is signed anew when tokens come, and expired tokens go', async () => {
  const prepare = (api: MemoryApi): void => {
    api.put(resources.configmaps, { metadata: { ...clusterInfo, uid: 'i' }, data: { kubeconfig: 'k' } });
    api.put(resources.secrets, tokenSecret('aaaaaa'));
    api.put(resources.secrets, tokenSecret('cccccc', { expiration: '2020-01-01T00:00:00Z' }));
  };
  await inLoopWorld({}, prepare, async ({ api, informers, begin }) => {
    begin(startBootstrapSigner);
    begin(startTokenCleaner);
    const has = (id: string) => () =>
      informers.clusterInfos.get(clusterInfo)?.data?.[`jws-kubeconfig-${id}`] !== undefined;
    assert.ok(await informers.clusterInfos.until(has('aaaaaa'), never, 30_000), 'it is signed');
    const expired = { namespace: 'kube-system', name: 'bootstrap-token-cccccc' };
    assert.ok(
      await informers.bootstrapTokens.until(
        () => informers.bootstrapTokens.get(expired) === undefined,
        never,
        30_000,
      ),
      'it is gone',
    );
    assert.equal(has('cccccc')(), false);
    api.put(resources.secrets, tokenSecret('hhhhhh'));
    assert.ok(await informers.clusterInfos.until(has('hhhhhh'), never, 30_000), 'the new one signs too');
  });
});

test('the description of the cluster is made, and made again when it is gone, and signed', async () => {
  const settings = { apiServer: 'https://192.0.2.1:6443', rootCa: 'PEM' };
  const prepare = (api: MemoryApi): void => void api.put(resources.secrets, tokenSecret('aaaaaa'));
  await inLoopWorld(settings, prepare, async ({ api, informers, begin }) => {
    begin(startBootstrapSigner);
    for (let round = 0; round < 2; round++) {
      const isSigned = (): boolean =>
        informers.clusterInfos.get(clusterInfo)?.data?.['jws-kubeconfig-aaaaaa'] !== undefined;
      assert.ok(await informers.clusterInfos.until(isSigned, never, 30_000), 'it is there and signed');
      const { kubeconfig = '' } = informers.clusterInfos.get(clusterInfo)?.data ?? {};
      assert.equal(
        kubeconfig,
        [
          'apiVersion: v1',
          'clusters:',
          '- cluster:',
          '    certificate-authority-data: UEVN',
          '    server: https://192.0.2.1:6443',
          '  name: ""',
          'contexts: null',
          'current-context: ""',
          'kind: Config',
          'preferences: {}',
          'users: null',
          '',
        ].join('\n'),
      );
      api.remove(resources.configmaps, `${clusterInfo.namespace}/${clusterInfo.name}`);
      const isGone = (): boolean =>
        informers.clusterInfos.get(clusterInfo)?.data?.['jws-kubeconfig-aaaaaa'] === undefined;
      assert.ok(await informers.clusterInfos.until(isGone, never, 30_000), 'it is gone');
    }
  });
});
