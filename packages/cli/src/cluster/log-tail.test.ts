import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tail } from './log-tail.ts';

test('the end of a log reads like sentences, whatever wrote it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-tail-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'x.log');
  writeFileSync(
    path,
    [
      'an early line '.repeat(4_000),
      '{"level":40,"err":{"message":"no route","stack":"Error: no route\\n  at"},"msg":"cannot connect"}',
      'timonier store: the disk is full',
      '{"level":30,"reason":"SIGTERM","msg":"shutting down"}',
      '',
    ].join('\n'),
  );
  const lines = tail(path);
  assert.deepEqual(lines.slice(-3), [
    'cannot connect: no route',
    'timonier store: the disk is full',
    'shutting down: SIGTERM',
  ]);
  assert.ok((lines[0]?.length ?? 0) < 400);
  assert.deepEqual(tail(join(folder, 'missing.log')), []);
});
