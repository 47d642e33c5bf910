import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Volume } from '@timonier/api';
import type { PayloadSource } from './payload.ts';
import { PodVolumes } from './pod-volumes.ts';

const empty = {
  follow: () => undefined,
  forget: () => undefined,
  secret: () => Promise.resolve(undefined),
  configMap: () => Promise.resolve(undefined),
} as unknown as PayloadSource;

test('of several volumes the one that cannot be set up is named, with the reason', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'timonier-volumes-'));
  t.after(() => rm(root, { recursive: true }));
  const setUp = (volume: Volume): Promise<unknown> =>
    new PodVolumes(root, empty).setUp({
      pod: {
        metadata: { name: 'web', namespace: 'shop', uid: 'u' },
        spec: { containers: [], volumes: [{ name: 'scratch', emptyDir: {} }, volume] },
      },
      podIps: [],
      hostIp: '',
      nodeName: '',
      allocatable: { cpuMillis: 0, memoryBytes: 0, ephemeralBytes: 0, maxPods: 0 } as never,
    });
  await assert.rejects(setUp({ name: 'keys', secret: { secretName: 'none' } }), {
    message: 'for volume "keys" : secret "none" not found',
  });
  await assert.rejects(setUp({ name: 'data', persistentVolumeClaim: { claimName: 'c' } }), {
    message: 'for volume "data" : volumes of kind persistentVolumeClaim are not supported by this node',
  });
});
