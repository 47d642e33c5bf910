import type { Node, Service } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';

const address = '10.96.0.10';
const service: Service = { metadata: { name: 'kube-dns', uid: 's' } };

function node(name: string, ready: boolean, label = 'true'): Node {
  return {
    metadata: { name, uid: name, labels: { 'timonier.io/dns': label } },
    status: {
      addresses: [{ type: 'InternalIP', address: `192.0.2.${name.length}` }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

test('the Service keeps DNS traffic on its host and answers on both protocols', () => {
  const { createService } = decide({ address, nodes: [], service: undefined, slice: undefined });
  assert.equal(createService?.spec?.clusterIP, address);
  assert.equal(createService?.spec?.internalTrafficPolicy, 'Local');
  assert.deepEqual(
    createService?.spec?.ports?.map(({ port, protocol }) => `${port}/${protocol}`),
    ['53/UDP', '53/TCP'],
  );
});

test('endpoints are the ready hosts that run DNS, and a stored slice at rest is left alone', () => {
  const nodes = [node('bb', true), node('a', true), node('ccc', false), node('dddd', true, 'false')];
  const { slice } = decide({ address, nodes, service, slice: undefined });
  assert.equal(slice?.verb, 'create');
  assert.deepEqual(
    slice?.object.endpoints?.map(({ nodeName, addresses }) => `${nodeName} ${addresses.join()}`),
    ['a 192.0.2.1', 'bb 192.0.2.2'],
  );
  assert.ok(slice);
  assert.equal(decide({ address, nodes, service, slice: slice.object }).slice, undefined);
  assert.equal(decide({ address, nodes: [], service, slice: slice.object }).slice?.verb, 'update');
});
