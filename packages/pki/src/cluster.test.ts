import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type TestContext, test } from 'node:test';
import { type ClusterPkiOptions, createClusterPki, kubeletIdentity } from './cluster.ts';
import { daysLeft } from './files.ts';
import { readKubeconfig, writeKubeconfig } from './kubeconfig.ts';

const options: ClusterPkiOptions = {
  masters: [1, 2, 3].map((n) => ({ name: `master-${n}`, address: `10.89.0.1${n}` })),
  workers: [1, 2].map((n) => ({ name: `worker-${n}`, address: `10.89.0.2${n}` })),
  vip: '10.89.0.10',
  serviceIp: '10.96.0.1',
};

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-pki-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a cluster’s certificates verify with openssl and carry users, groups and addresses', async (t) => {
  const directory = await temporaryDirectory(t);
  const pki = await createClusterPki(directory, options);
  for (const name of pki.names) {
    const purpose = name === 'apiserver' ? 'sslserver' : 'sslclient';
    const file = pki.files(name).certificateFile;
    const authority = name === 'front-proxy-client' ? pki.frontProxyCaFile : pki.caFile;
    const output = execFileSync('openssl', ['verify', '-purpose', purpose, '-CAfile', authority, file]);
    assert.match(output.toString(), /: OK/);
  }
  const kubelet = new X509Certificate(await readFile(pki.files(kubeletIdentity('worker-2')).certificateFile));
  assert.equal(kubelet.subject, 'O=system:nodes\nCN=system:node:worker-2');
  const server = new X509Certificate(await readFile(pki.files('apiserver').certificateFile));
  for (const address of ['10.89.0.10', '10.89.0.13', '10.96.0.1', '127.0.0.1'])
    assert.equal(server.checkIP(address), address);
  assert.equal(server.checkHost('kubernetes.default.svc.cluster.local') !== undefined, true);
  assert.equal((await stat(pki.files('admin').keyFile)).mode & 0o777, 0o600);
});

test('a second call keeps what is there and makes only what is missing, wrong or about to expire', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await createClusterPki(directory, options);
  assert.equal(first.created.length, first.names.length + 2, 'and two authorities');
  assert.deepEqual((await createClusterPki(directory, options)).created, []);
  await rm(first.files('dns').keyFile);
  assert.deepEqual((await createClusterPki(directory, options)).created, ['dns']);
  assert.deepEqual((await createClusterPki(directory, { ...options, vip: '10.89.0.99' })).created, [
    'apiserver',
  ]);
  const later = new Date(Date.now() + 350 * 86_400_000);
  const renewed = await createClusterPki(directory, { ...options, now: later });
  assert.deepEqual([...renewed.created].sort(), [...renewed.names].sort());
  assert(daysLeft(await readFile(renewed.files('admin').certificateFile, 'utf8'), later) >= 364);
});

test('two identities of a cluster meet over mutual TLS, by a kubeconfig', async (t) => {
  const directory = await temporaryDirectory(t);
  const pki = await createClusterPki(directory, options);
  const read = (name: 'certificateFile' | 'keyFile', identity: string): Promise<string> =>
    readFile(pki.files(identity)[name], 'utf8');
  const ca = await readFile(pki.caFile, 'utf8');
  const server = createServer(
    {
      cert: await read('certificateFile', 'apiserver'),
      key: await read('keyFile', 'apiserver'),
      ca,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => socket.end(String(socket.getPeerCertificate().subject.CN)),
  );
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const path = join(directory, 'admin.kubeconfig');
  await writeKubeconfig(path, {
    name: 'test',
    server: `https://127.0.0.1:${address.port}`,
    ca,
    certificate: await read('certificateFile', 'admin'),
    key: await read('keyFile', 'admin'),
  });
  const config = await readKubeconfig(path);
  const url = new URL(config.server);
  assert(config.ca !== undefined && config.certificate !== undefined && config.key !== undefined);
  const socket: TLSSocket = connect({
    host: url.hostname,
    port: Number(url.port),
    ca: config.ca,
    cert: config.certificate,
    key: config.key,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  assert.equal(Buffer.concat(chunks).toString(), 'kubernetes-admin');
});
