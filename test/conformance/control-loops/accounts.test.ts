/** What the controllers give every namespace, and put right again; and bootstrap tokens, on a real API server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { loopsWorld } from './world.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const world = loopsWorld({ rootCa: pem });

// Conformance: ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace
test('every namespace has the cluster’s authority, also when somebody deletes or changes it', async () => {
  await world.ask(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'trusting' } });
  const path = '/api/v1/namespaces/trusting/configmaps/kube-root-ca.crt';
  const isRight = (json: { data?: Record<string, string> }): boolean => json.data?.['ca.crt'] === pem;
  const first = await world.shows(path, 'it is published', isRight);
  await world.ask(200, 'DELETE', path);
  await world.shows(
    path,
    'it is there again',
    (json) => isRight(json) && json.metadata.uid !== first.metadata.uid,
  );
  await world.ask(200, 'PATCH', path, { data: { 'ca.crt': 'mine' } }, patchAs('merge-patch+json'));
  await world.shows(path, 'it is right again', isRight);
});

test('a bootstrap token signs the public description of the cluster until it is deleted', async () => {
  const stringData = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-signing': 'true',
  };
  const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
  await world.shows('/api/v1/namespaces/kube-public', 'the namespace is there', () => true);
  await world.ask(201, 'POST', '/api/v1/namespaces/kube-public/configmaps', {
    metadata: { name: 'cluster-info' },
    data: { kubeconfig: 'apiVersion: v1' },
  });
  const secrets = '/api/v1/namespaces/kube-system/secrets';
  await world.ask(201, 'POST', secrets, {
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: 'bootstrap-token-abcdef' },
    stringData,
  });
  await world.shows(info, 'it is signed', ({ data }) => data['jws-kubeconfig-abcdef'] !== undefined);
  const expiration = Buffer.from(new Date(Date.now() - 1_000).toISOString()).toString('base64');
  const path = `${secrets}/bootstrap-token-abcdef`;
  await world.ask(200, 'PATCH', path, { data: { expiration } }, patchAs('merge-patch+json'));
  await world.gone(path);
  const left = await world.shows(
    info,
    'the signature is gone',
    ({ data }) => data['jws-kubeconfig-abcdef'] === undefined,
  );
  assert.equal(left.data.kubeconfig, 'apiVersion: v1');
});
