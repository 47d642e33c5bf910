import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContentReport, deletionConditions } from './conditions.ts';

const nothing: ContentReport = {
  discoveryProblem: undefined,
  failures: [],
  remaining: new Map(),
  finalizers: new Map(),
};
const messages = (report: ContentReport): string[] =>
  deletionConditions([], report, 0).map(({ message = '' }) => message);

test('what still holds a namespace is said in the words that people look for', () => {
  const held = {
    ...nothing,
    failures: ['cannot list widgets'],
    remaining: new Map([
      ['widgets.example.com', 3],
      ['configmaps', 1],
    ]),
    finalizers: new Map([['example.com/hold', 4]]),
  };
  assert.deepEqual(messages(held), [
    'All resources successfully discovered',
    'All legacy kube types successfully parsed',
    'Failed to delete all resource types, 1 remaining: cannot list widgets',
    'Some resources are remaining: configmaps. has 1 resource instances, widgets.example.com has 3 resource instances',
    'Some content in the namespace has finalizers remaining: example.com/hold in 4 resource instances',
  ]);
});

test('a namespace that nothing holds says so five times', () => {
  assert.deepEqual(messages(nothing), [
    'All resources successfully discovered',
    'All legacy kube types successfully parsed',
    'All content successfully deleted, may be waiting on finalization',
    'All content successfully removed',
    'All content-preserving finalizers finished',
  ]);
});
