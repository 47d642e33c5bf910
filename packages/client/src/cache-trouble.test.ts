import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheTrouble } from './cache-trouble.ts';

test('a reason is said once, however often it comes, and a new one again', () => {
  const said: object[] = [];
  const trouble = new CacheTrouble({ debug: () => undefined, warn: (fields) => said.push(fields) });
  assert.equal(trouble.reason, '');
  trouble.report(new Error('certificate has expired'));
  trouble.report(new Error('certificate has expired'));
  assert.deepEqual(said, [{ reason: 'certificate has expired' }]);
  trouble.report(new Error('connection refused'));
  assert.equal(said.length, 2);
  assert.equal(trouble.reason, ' (connection refused)');
});
