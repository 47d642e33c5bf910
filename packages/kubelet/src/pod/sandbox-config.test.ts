import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@timonier/api';
import { sandboxConfig } from './sandbox-config.ts';

const settings = {
  logRoot: '/logs',
  cgroupParent: '/',
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  resolvConf: '',
};
const pod = (spec: Partial<NonNullable<Pod['spec']>>): Pod => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u' },
  spec: { containers: [{ name: 'c' }], ...spec },
});

test('a pod that wants users of its own gets no sandbox that shares those of the host', () => {
  assert.throws(() => sandboxConfig(pod({ hostUsers: false }), 0, settings), {
    message: "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
  });
  for (const spec of [{}, { hostUsers: true }])
    assert.equal(sandboxConfig(pod(spec), 0, settings).metadata?.name, 'web');
});
