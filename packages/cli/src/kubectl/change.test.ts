import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { apply } from './change.ts';
import type { Session } from './session.ts';

test('a manifest that is not there is named, as kubectl names it', async () => {
  const path = join(tmpdir(), 'no-such-folder', 'hello.yaml');
  await assert.rejects(apply({} as Session, [path], false), { message: `the path "${path}" does not exist` });
});
