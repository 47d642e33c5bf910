import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReport, sigOf } from './report.ts';

const it = { LeafNodeType: 'It', ContainerHierarchyTexts: ['[sig-auth] Tokens', 'when used'] };
const report = (...specs: readonly object[]): string => JSON.stringify([{ SpecReports: specs }]);

test('each test that ran has an outcome, with the reason and the place of a failure', () => {
  const failure = {
    Message: 'no answer\n',
    Location: { FileName: '/anywhere/kubernetes@v1/test/e2e/auth/tokens.go', LineNumber: 7 },
  };
  const text = report(
    { ...it, LeafNodeText: 'works [Conformance]', State: 'passed', RunTime: 1_460_000_000 },
    { ...it, LeafNodeText: 'fails [Conformance]', State: 'failed', RunTime: 0, Failure: failure },
    { ...it, LeafNodeText: 'hangs [Conformance]', State: 'timedout', Failure: { Message: 'too long' } },
  );
  assert.deepEqual(readReport(text), {
    outcomes: [
      { name: '[sig-auth] Tokens when used works [Conformance]', state: 'passed', seconds: 1.5, why: '' },
      {
        name: '[sig-auth] Tokens when used fails [Conformance]',
        state: 'failed',
        seconds: 0,
        why: 'no answer (test/e2e/auth/tokens.go:7)',
      },
      {
        name: '[sig-auth] Tokens when used hangs [Conformance]',
        state: 'failed',
        seconds: 0,
        why: 'too long',
      },
    ],
    troubles: [],
  });
});

test('the place of a failure is one of the sources, wherever they and Go were', () => {
  const at = (FileName: string): object => ({
    ...it,
    State: 'panicked',
    Failure: { Message: 'no', Location: { FileName, LineNumber: 7 } },
  });
  const { outcomes } = readReport(
    report(at('/anywhere/go/src/runtime/panic.go'), at('test/e2e/a/test/b.go')),
  );
  assert.deepEqual(
    outcomes.map(({ why }) => why),
    ['no (runtime/panic.go:7)', 'no (test/e2e/a/test/b.go:7)'],
  );
});

test('a test that skipped itself is told from one that was not asked for', () => {
  const text = report(
    { ...it, LeafNodeText: 'not asked for', State: 'skipped' },
    { ...it, LeafNodeText: 'two nodes', State: 'skipped', Failure: { Message: 'needs two nodes' } },
  );
  const { outcomes } = readReport(text);
  assert.deepEqual(
    outcomes.map(({ name, state, why }) => [name, state, why]),
    [['[sig-auth] Tokens when used two nodes', 'skipped', 'needs two nodes']],
  );
});

test('a test that ended because the suite did has not failed: it did not run', () => {
  const Failure = { Message: 'A suite timeout occurred' };
  const text = report(
    { ...it, LeafNodeText: 'late', State: 'timedout', Failure },
    { ...it, LeafNodeText: 'told to end', State: 'interrupted', Failure: { Message: 'Interrupted by User' } },
  );
  assert.deepEqual(readReport(text), { outcomes: [], troubles: [] });
});

test('what fails outside of any test is told as such', () => {
  const text = report({
    LeafNodeType: 'SynchronizedBeforeSuite',
    State: 'panicked',
    Failure: { Message: 'Test Panicked', ForwardedPanic: 'no cluster' },
  });
  assert.deepEqual(readReport(text), {
    outcomes: [],
    troubles: ['SynchronizedBeforeSuite : Test Panicked: no cluster'],
  });
});

test('a test belongs to the group that its name begins with', () => {
  assert.equal(sigOf('[sig-api-machinery] Watchers should'), 'api-machinery');
  assert.equal(sigOf('Watchers'), 'none');
});
