/** `kubectl auth`, the real one: who am I, what may I, and roles from a file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { kubectlFor } from '../testing/kubectl.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const roles = (verbs: string): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: default }
rules: [{ apiGroups: [""], resources: [pods], verbs: [${verbs}] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: readers, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: jane }]
`;

test('kubectl auth tells who one is and what one may do, and reconciles roles', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const run = async (args: string, code = 0, stdin?: string): Promise<string> => {
    const result = await kubectl(args.split(' '), stdin);
    assert.equal(result.code, code, `kubectl ${args}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const self = await run('auth whoami');
  assert.match(self, /^Username +kubernetes-admin$/m);
  assert.match(self, /^Groups +\[system:masters system:authenticated\]$/m);
  assert.match(self, /credential-id +\[X509SHA256=[0-9a-f]{64}\]/);
  assert.match(await run('auth whoami --as jane --as-group dev'), /^Groups +\[dev system:authenticated\]$/m);
  assert.match(await run('auth reconcile -f -', 0, roles('get, list')), /reconciled/);
  assert.equal(await run('auth can-i get pods --as jane'), 'yes\n');
  assert.equal(await run('auth can-i delete pods --as jane', 1), 'no\n');
  assert.equal(await run('auth can-i get /livez --as jane'), 'yes\n');
  const list = await run('auth can-i --list --as jane');
  assert.match(list, /^pods +\[\] +\[\] +\[get list\]$/m);
  assert.match(list, /^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
  assert.match(list, /\[\/livez\] +\[\] +\[get\]/);
  // Rules that the file does not have are taken away only when that is asked for.
  await run('auth reconcile -f -', 0, roles('get, watch'));
  assert.equal(await run('auth can-i list pods --as jane'), 'yes\n');
  await run('auth reconcile --remove-extra-permissions -f -', 0, roles('get, watch'));
  assert.equal(await run('auth can-i list pods --as jane', 1), 'no\n');
  assert.equal(await run('auth can-i watch pods --as jane'), 'yes\n');
});
