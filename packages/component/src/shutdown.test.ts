import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Shutdown } from './shutdown.ts';

const silent = { info: () => undefined, error: () => undefined };

test('steps run in reverse order, once, even when one fails or hangs', async () => {
  const shutdown = new Shutdown(silent);
  const order: string[] = [];
  shutdown.add('first', () => void order.push('first'));
  shutdown.add('hangs', () => new Promise<void>(() => undefined), 5);
  shutdown.add('fails', () => {
    order.push('fails');
    throw new Error('no');
  });
  shutdown.signal.addEventListener('abort', () => void shutdown.begin('joined from the signal'));
  await Promise.all([shutdown.begin('test'), shutdown.begin('again')]);
  assert.deepEqual(order, ['fails', 'first']);
  await shutdown.finished;
});
