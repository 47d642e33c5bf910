import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectText } from './describe.ts';
import { tableText, withoutManagers } from './get.ts';
import { targetsOf } from './session.ts';

const table = {
  columnDefinitions: [{ name: 'Name' }, { name: 'Ready' }, { name: 'Node', priority: 1 }],
  rows: [
    {
      cells: ['hello-1', '1/1', 'worker-1'],
      object: { metadata: { name: 'hello-1', namespace: 'default' } },
    },
    { cells: ['a', '0/1', null], object: { metadata: { name: 'a', namespace: 'kube-system' } } },
  ],
};

test('a table shows its wide columns only when asked', () => {
  assert.equal(tableText(table, false, false, false), 'NAME      READY\nhello-1   1/1\na         0/1\n');
  assert.match(tableText(table, true, false, false), /NODE\n.*worker-1\n.*<none>\n$/);
});

test('across namespaces each row says where it is', () => {
  assert.equal(
    tableText(table, false, true, true),
    'default       hello-1   1/1\nkube-system   a         0/1\n',
  );
});

test('targets are written as kubectl takes them', () => {
  assert.deepEqual(targetsOf(['pods']), [{ type: 'pods' }]);
  assert.deepEqual(targetsOf(['pods,svc']), [{ type: 'pods' }, { type: 'svc' }]);
  assert.deepEqual(targetsOf(['pod', 'a', 'b']), [
    { type: 'pod', name: 'a' },
    { type: 'pod', name: 'b' },
  ]);
  assert.deepEqual(targetsOf(['deploy/x', 'svc/y']), [
    { type: 'deploy', name: 'x' },
    { type: 'svc', name: 'y' },
  ]);
});

test('a description leaves the server’s bookkeeping out', () => {
  const text = objectText({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'x' }, managedFields: [{ manager: 'm' }], resourceVersion: '5' },
    spec: { containers: [{ name: 'c', image: 'i', args: ['a', 'b'] }] },
  });
  assert.equal(
    text,
    'Name:  p\nLabels:\n  App:  x\nSpec:\n  Containers:\n  - Name:  c\n    Image:  i\n    Args:  a, b\n',
  );
});

test('who manages which field is left out of what people read, and nothing else', () => {
  const object = {
    kind: 'A',
    metadata: { name: 'a', managedFields: [{}], labels: {} },
    spec: { items: [1] },
  };
  const shown = { kind: 'A', metadata: { name: 'a', labels: {} }, spec: { items: [1] } };
  assert.equal(JSON.stringify(withoutManagers(object)), JSON.stringify(shown));
  const list = { kind: 'List', metadata: {}, items: [object] };
  assert.deepEqual(withoutManagers(list), { ...list, items: [shown] });
});
