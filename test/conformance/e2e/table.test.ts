import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from './report.ts';
import { summarize } from './table.ts';

const one = (name: string, state: Outcome['state'], why = ''): Outcome => ({ name, state, seconds: 1, why });
const names = ['[sig-auth] a', '[sig-auth] b', '[sig-node] c'];

test('a run is good when every test passed or was said to fail', () => {
  const outcomes = [
    one('[sig-auth] a', 'passed'),
    one('[sig-auth] b', 'failed', 'no image'),
    one('[sig-node] c', 'skipped', 'one node'),
  ];
  const { text, isBad } = summarize(names, outcomes, (name) =>
    name.endsWith('b') ? 'no such image here' : undefined,
  );
  assert.equal(isBad, false);
  assert.match(text, /^expected - \[sig-auth\] b: no such image here$/m);
  assert.match(text, /^skipped - \[sig-node\] c: one node$/m);
  assert.match(text, /^auth +1 +0 +1 +0 +0$/m);
  assert.match(text, /^all +1 +0 +1 +1 +0$/m);
});

test('a run is bad when a test failed that nobody said would, or did not run', () => {
  const passed = one('[sig-auth] a', 'passed');
  const failed = summarize(
    ['[sig-auth] a', '[sig-auth] b'],
    [passed, one('[sig-auth] b', 'failed', 'x\ny')],
    () => undefined,
  );
  assert.equal(failed.isBad, true);
  assert.match(failed.text, /^not ok - \[sig-auth\] b \(1 s\): x\n {4}y$/m);
  const missing = summarize(['[sig-auth] a', '[sig-auth] b'], [passed], () => undefined);
  assert.equal(missing.isBad, true);
  assert.match(missing.text, /^did not run - \[sig-auth\] b$/m);
});

test('a test that passes against what was said is told, and no failure', () => {
  const { text, isBad } = summarize(['[sig-auth] a'], [one('[sig-auth] a', 'passed')], () => 'it cannot');
  assert.equal(isBad, false);
  assert.match(text, /passes, though it was not expected to: \[sig-auth\] a/);
});
