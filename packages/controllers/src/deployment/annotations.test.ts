import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greatestRevision, revisionAnnotation, revisionOf, withRevision } from './annotations.ts';

const at = (text: string): object => ({ metadata: { annotations: { [revisionAnnotation]: text } } });

test('a revision is 64 bits wide to its last digit, and what is none counts as none', () => {
  assert.equal(revisionOf(at('3546343826724305832')), 3_546_343_826_724_305_832n);
  assert.equal(revisionOf(at('9223372036854775807')), 9_223_372_036_854_775_807n);
  for (const text of ['9223372036854775808', '1.5', 'x', '', ' 1', '0x1'])
    assert.equal(revisionOf(at(text)), 0n);
  assert.equal(revisionOf({}), 0n);
});

test('the set after one of a large revision has the next', () => {
  const next = greatestRevision([1n, revisionOf(at('3546343826724305832'))]) + 1n;
  const before = { [revisionAnnotation]: '3546343826724305831' };
  assert.deepEqual(withRevision(before, next), {
    [revisionAnnotation]: '3546343826724305833',
    'deployment.kubernetes.io/revision-history': '3546343826724305831',
  });
  assert.deepEqual(withRevision({ [revisionAnnotation]: String(next) }, next), {
    [revisionAnnotation]: '3546343826724305833',
  });
});
