import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerConfig } from './container-config.ts';

test('any user of a container may write its last words, whatever the mask of this process is', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'timonier-config-'));
  const mask = process.umask(0o077);
  t.after(() => {
    process.umask(mask);
    rmSync(directory, { recursive: true });
  });
  const container = { name: 'c', image: 'i', terminationMessagePath: '/dev/last-words' };
  const { mounts = [] } = await containerConfig({
    pod: { metadata: { name: 'web', namespace: 'shop', uid: 'u' }, spec: { containers: [container] } },
    container,
    attempt: 0,
    imageRef: 'i',
    environment: new Map(),
    volumes: new Map(),
    podIps: [],
    podDirectory: directory,
    logDirectory: join(directory, 'logs'),
    nodeMemoryBytes: 1,
  });
  const mount = mounts.find(({ containerPath }) => containerPath === '/dev/last-words');
  assert.equal(statSync(mount?.hostPath ?? '').mode & 0o777, 0o666);
});
