import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createAuthority, createCertificate, type Identity, writeKubeconfig } from '@timonier/pki';
import { startApiServer, type TestServer, until } from '../../packages/apiserver/src/testing/harness.ts';
import { freePorts, TestCluster } from '../../packages/store/src/testing/processes.ts';
import { start } from './program.ts';

const dayMs = 86_400_000;
const path = '/api/v1/namespaces/default/pods';

async function serve(
  t: TestContext,
): Promise<{ server: TestServer; authority: Identity; store: TestCluster }> {
  const store = await TestCluster.create(1);
  t.after(() => store.remove());
  store.startAll();
  await store.leader();
  const server = await startApiServer(t, { endpoint: store.endpoint('m1') });
  const read = (name: string): Promise<string> => readFile(join(server.directory, name), 'utf8');
  return { server, store, authority: { certificate: await read('ca.crt'), key: await read('ca.key') } };
}

interface Reply {
  readonly code: number;
  readonly reason: unknown;
  readonly message: unknown;
}

function get(server: TestServer, authority: Identity, identity?: Identity): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: server.port,
        path,
        ca: authority.certificate,
        agent: false,
        ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const body = JSON.parse(text) as Record<string, unknown>;
          resolve({ code: response.statusCode ?? 0, reason: body['reason'], message: body['message'] });
        });
      },
    );
    call.on('error', reject).end();
  });
}

test('a certificate that is expired, of a stranger, missing or without rights gets its own answer', async (t) => {
  const { server, authority } = await serve(t);
  const admin = {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
    usages: ['client'],
    validDays: 1,
  } as const;
  const longAgo = new Date(Date.now() - 30 * dayMs);
  assert.equal((await get(server, authority, createCertificate(admin, authority))).code, 200);
  const refused = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' };
  const expired = createCertificate(admin, authority, longAgo);
  assert.deepEqual(await get(server, authority, expired), refused, 'expired');
  const stranger = createCertificate(admin, createAuthority('timonier-ca', 10));
  assert.deepEqual(
    await get(server, authority, stranger),
    refused,
    'signed by another authority of the same name',
  );
  const forbidden = (user: string): Reply => ({
    code: 403,
    reason: 'Forbidden',
    message: `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" in the namespace "default"`,
  });
  assert.deepEqual(await get(server, authority), forbidden('system:anonymous'));
  const jane = createCertificate({ commonName: 'jane', usages: ['client'], validDays: 1 }, authority);
  assert.deepEqual(await get(server, authority, jane), forbidden('jane'));
  assert.equal((await get(server, authority, createCertificate(admin, authority))).code, 200);
});

test('a component whose API server shows an expired certificate says so in its log and is not ready', async (t) => {
  const { server, authority, store } = await serve(t);
  const files = server.pki.files('apiserver');
  const served = createCertificate(
    { commonName: 'kube-apiserver', usages: ['server'], hosts: ['127.0.0.1'], validDays: 1 },
    authority,
    new Date(Date.now() - 30 * dayMs),
  );
  await writeFile(files.certificateFile, served.certificate);
  await writeFile(files.keyFile, served.key);
  const [port = 0, ops = 0] = await freePorts(2);
  const api = start(t, [
    'apiserver',
    '--ops-address=',
    `--etcd-servers=${store.endpoint('m1')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--internal-port=0',
    `--tls-cert-file=${files.certificateFile}`,
    `--tls-private-key-file=${files.keyFile}`,
    `--client-ca-file=${server.pki.caFile}`,
  ]);
  await until(() => api.output().includes('"serving"'), 'the API server serves');
  assert.match(api.output(), /certificate.*expired/i, 'the server itself warns');
  const kubeconfig = join(server.directory, 'expired.kubeconfig');
  const client = server.pki.files('scheduler');
  await writeKubeconfig(kubeconfig, {
    name: 'expired',
    server: `https://127.0.0.1:${port}`,
    ca: authority.certificate,
    certificate: await readFile(client.certificateFile, 'utf8'),
    key: await readFile(client.keyFile, 'utf8'),
  });
  const scheduler = start(t, ['scheduler', `--kubeconfig=${kubeconfig}`, `--ops-address=127.0.0.1:${ops}`]);
  await until(() => /certificate has expired/i.test(scheduler.output()), 'the scheduler says why');
  const ready = await fetch(`http://127.0.0.1:${ops}/readyz`);
  assert.equal(ready.status, 500);
  assert.match(await ready.text(), /have not been listed yet \(.*certificate has expired/);
});
