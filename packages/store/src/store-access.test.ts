import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GrpcError, Status, type StatusCode } from '@timonier/grpc';
import { saveSnapshot } from './snapshot-verbs.ts';
import { explainedAccess } from './store-access.ts';

test('a snapshot of a store that is not there says where it was looked for and what to do', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'store-access-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const target = `unix:${join(folder, 'nobody.sock')}`;
  const file = join(folder, 'backup.snap');
  await assert.rejects(
    saveSnapshot({ target, tls: undefined, user: '' }, file, () => undefined),
    ({ message }: Error) =>
      message.startsWith(`cannot reach a store at ${target}: `) &&
      message.endsWith('; name a member with --endpoint'),
  );
  assert.deepEqual([file, `${file}.part`].map(existsSync), [false, false]);
});

test('what a member refuses is told in its words, and other errors stay what they are', () => {
  const told = (code: StatusCode, details: string): string =>
    (explainedAccess(new GrpcError(code, details), '10.0.0.1:2379') as Error).message;
  assert.equal(told(Status.UNAVAILABLE, 'etcdserver: no leader'), 'etcdserver: no leader');
  assert.equal(
    told(Status.PERMISSION_DENIED, 'etcdserver: permission denied'),
    'etcdserver: permission denied',
  );
  assert.equal(
    told(Status.UNAVAILABLE, 'refused'),
    'cannot reach a store at 10.0.0.1:2379: refused; name a member with --endpoint',
  );
  const own = new Error('the disk is full');
  assert.equal(explainedAccess(own, '10.0.0.1:2379'), own);
});
