import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';
import { pemRequest } from '../testing/signing-request.ts';

const shared = sharedServer();
const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

const signingRequest = (name: string, signerName: string, subject = '/CN=jane'): object => ({
  metadata: { name },
  spec: { request: Buffer.from(pemRequest(subject)).toString('base64'), signerName, usages: ['client auth'] },
});

/** Lets a user write the subresources of requests, and do something with signers of some names. */
async function allow(user: string, verb: string, signers: readonly string[]): Promise<void> {
  const rules = [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
      verbs: ['update', 'patch'],
    },
    { apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: signers, verbs: [verb] },
  ];
  await shared.ask(201, 'POST', `${rbac}/clusterroles`, { metadata: { name: user }, rules });
  await shared.ask(201, 'POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: user },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: user },
    subjects: [{ kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io' }],
  });
}

const as = (user: string): { headers: Record<string, string> } => ({
  headers: { ...patchAs('merge-patch+json').headers, 'impersonate-user': user },
});
const condition = (type: string): object => ({
  status: { conditions: [{ type, status: 'True', reason: 'Test', message: 'by a test' }] },
});

test('approving asks for the right to approve for the signer of the request, by name or by domain', async () => {
  await allow('approver', 'approve', ['example.com/one', 'example.org/*']);
  for (const [name, signer] of [
    ['one', 'example.com/one'],
    ['two', 'example.com/two'],
    ['domain', 'example.org/any'],
  ] as const)
    await shared.ask(201, 'POST', requests, signingRequest(name, signer));
  const approved = condition('Approved');
  await until(async () => {
    const path = `${requests}/one/approval`;
    return (await shared.server.request('PATCH', path, approved, as('approver'))).status === 200;
  }, 'the role is known');
  await shared.ask(200, 'PATCH', `${requests}/domain/approval`, approved, as('approver'));
  const refused = await shared.ask(403, 'PATCH', `${requests}/two/approval`, approved, as('approver'));
  assert.equal(
    refused.message,
    'certificatesigningrequests.certificates.k8s.io "two" is forbidden: user not permitted to approve requests with signerName "example.com/two"',
  );
});

test('signing asks for the right to sign, and other notes do not', async () => {
  await allow('signer', 'sign', ['example.com/mine']);
  await shared.ask(201, 'POST', requests, signingRequest('mine', 'example.com/mine'));
  await shared.ask(201, 'POST', requests, signingRequest('theirs', 'example.com/theirs'));
  await until(async () => {
    const path = `${requests}/mine/status`;
    return (await shared.server.request('PATCH', path, condition('Failed'), as('signer'))).status === 200;
  }, 'the role is known');
  const refused = await shared.ask(
    403,
    'PATCH',
    `${requests}/theirs/status`,
    condition('Failed'),
    as('signer'),
  );
  assert.match(
    refused.message,
    /user not permitted to sign requests with signerName "example\.com\/theirs"$/,
  );
  await shared.ask(200, 'PATCH', `${requests}/theirs/status`, condition('Seen'), as('signer'));
});

test('nobody asks the signer of clients to be an administrator', async () => {
  const signer = 'kubernetes.io/kube-apiserver-client';
  const refused = await shared.ask(
    403,
    'POST',
    requests,
    signingRequest('master', signer, '/O=system:masters/CN=mallory'),
  );
  assert.match(
    refused.message,
    /use of kubernetes\.io\/kube-apiserver-client signer with system:masters group is not allowed$/,
  );
  await shared.ask(201, 'POST', requests, signingRequest('developer', signer, '/O=developers/CN=jane'));
  await shared.ask(201, 'POST', requests, signingRequest('other', 'example.com/x', '/O=system:masters/CN=x'));
});

test('nobody is an administrator in an encoding in which the group cannot be read', async () => {
  const pem = pemRequest('/O=system:masters/CN=mallory', (info) => {
    // A NumericString.
    info[info.indexOf('system:masters') - 2] = 0x12;
  });
  const signerName = 'kubernetes.io/kube-apiserver-client';
  const refused = await shared.ask(403, 'POST', requests, {
    metadata: { name: 'numeric' },
    spec: { request: Buffer.from(pem).toString('base64'), signerName, usages: ['client auth'] },
  });
  assert.match(refused.message, /failed to parse CSR: the subject has an invalid NumericString$/);
});

test('a claim grows only when it is bound, and its class can do that', async () => {
  const classes = '/apis/storage.k8s.io/v1/storageclasses';
  const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
  const grown = { spec: { resources: { requests: { storage: '2Gi' } } } };
  const merge = patchAs('merge-patch+json');
  for (const allowVolumeExpansion of [true, false]) {
    const name = allowVolumeExpansion ? 'elastic' : 'fixed';
    await shared.ask(201, 'POST', classes, {
      metadata: { name },
      provisioner: 'example.com/disk',
      allowVolumeExpansion,
    });
    await shared.ask(201, 'POST', claims, {
      metadata: { name },
      spec: {
        storageClassName: name,
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        volumeName: 'pv',
      },
    });
    const bound = { status: { phase: 'Bound', capacity: { storage: '1Gi' } } };
    await shared.ask(200, 'PATCH', `${claims}/${name}/status`, bound, merge);
  }
  await shared.server.caughtUp();
  await shared.ask(200, 'PATCH', `${claims}/elastic`, grown, merge);
  const { message } = await shared.ask(403, 'PATCH', `${claims}/fixed`, grown, merge);
  assert.match(
    message,
    /^persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized/,
  );
});
