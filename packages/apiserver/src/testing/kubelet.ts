/** For tests: a kubelet as far as the API server sees it, over mutual TLS, and a pod on its node. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import type { TestServer } from './harness.ts';

export interface Kubelet {
  readonly server: Server;
  readonly port: number;
}

export async function startKubelet(
  t: Pick<TestContext, 'after'>,
  { pki }: TestServer,
  serve: RequestListener,
): Promise<Kubelet> {
  const files = pki.files('apiserver');
  const sockets = new Set<Duplex>();
  const server = createServer(
    {
      cert: await readFile(files.certificateFile),
      key: await readFile(files.keyFile),
      ca: await readFile(pki.caFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    serve,
  );
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** A node `n1` whose kubelet listens on a port, and a pod `p` that runs there. */
export async function placePod(server: TestServer, port: number): Promise<void> {
  const node = {
    metadata: { name: 'n1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  };
  assert.equal((await server.request('POST', '/api/v1/nodes', node)).status, 201);
  const pod = {
    metadata: { name: 'p' },
    spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'demo' }] },
  };
  assert.equal((await server.request('POST', '/api/v1/namespaces/default/pods', pod)).status, 201);
  const running = JSON.stringify({ status: { phase: 'Running' } });
  const answer = await server.request('PATCH', '/api/v1/namespaces/default/pods/p/status', running, {
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  assert.equal(answer.status, 200);
}
