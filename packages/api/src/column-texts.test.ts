import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnText } from './column-texts.ts';
import { createRegistry } from './registry.ts';

void test('a column is described by the field that it shows, or by a text of its own', () => {
  const deployments = { group: 'apps', version: 'v1', kind: 'Deployment' };
  assert.equal(columnText(deployments, 'Ready'), 'Number of the pod with ready state');
  assert.match(
    columnText(deployments, 'Age'),
    /^CreationTimestamp is a timestamp representing the server time/,
  );
  assert.match(columnText(deployments, 'Up-to-date'), /^Total number of non-terminating pods/);
});

void test('what values there are is not part of it', () => {
  const services = { group: '', version: 'v1', kind: 'Service' };
  assert.doesNotMatch(columnText(services, 'Type'), /Possible enum values/);
});

void test('every column of a built-in kind is described', () => {
  const silent = createRegistry()
    .all()
    .flatMap((info) => info.columns.map(({ name }) => [info, name] as const))
    .filter(([info, name]) => info.verbs.includes('list') && columnText(info, name) === '')
    .map(([info, name]) => `${info.kind} ${name}`);
  // Of that one upstream says nothing either.
  assert.deepEqual(silent, ['RuntimeClass Handler']);
});
