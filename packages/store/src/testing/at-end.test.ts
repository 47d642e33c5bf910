import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './at-end.ts';

test('ends of a test run backwards, one after the other, also behind one that fails, which is told', async () => {
  const hooks: (() => unknown)[] = [];
  const t = { after: (hook: () => unknown) => void hooks.push(hook) };
  const ran: string[] = [];
  atEnd(t, () => ran.push('folder'));
  atEnd(t, () => Promise.reject(new Error('no')));
  atEnd(t, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    ran.push('process');
  });
  assert.equal(hooks.length, 1);
  await assert.rejects(Promise.resolve(hooks[0]?.()), /^Error: no$/);
  assert.deepEqual(ran, ['process', 'folder']);
});
