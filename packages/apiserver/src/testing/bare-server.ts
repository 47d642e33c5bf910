/** A `TlsServer` on a port of its own, in front of whatever a test serves requests with. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listen } from '@timonier/component';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import type { Router } from '../http/router.ts';
import type { StartQueue } from '../http/start-queue.ts';
import { type ConnectionLimits, TlsServer } from '../http/tls-server.ts';

/** What is asked of a router. */
export type Served = Pick<Router, 'serve' | 'serveUpgrade' | 'switches'>;

/** Certificates of a cluster of one master, until the test ends. */
export async function withPki(t: TestContext): Promise<{ pki: ClusterPki; ca: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-tls-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
  return { pki, ca: await readFile(pki.caFile) };
}

/** Serves until the test ends; returns the server's port and authority, and the connections that it accepted. */
export async function serveBare(
  t: TestContext,
  serve: Router['serve'],
  options: {
    readonly limits?: Partial<ConnectionLimits>;
    readonly starts?: StartQueue;
    /** Where another master says that clients are. */
    readonly origin?: string;
    /** What a test does itself; without, no request switches protocols. */
    readonly router?: Partial<Served>;
  } = {},
): Promise<{ port: number; ca: Buffer; accepted: readonly Socket[] }> {
  const { pki, ca } = await withPki(t);
  const { certificateFile, keyFile } = pki.files('apiserver');
  const served: Served = {
    serve,
    serveUpgrade: () => new Promise(() => undefined),
    switches: () => false,
    ...options.router,
  };
  const tls = new TlsServer(
    {
      cert: await readFile(certificateFile),
      key: await readFile(keyFile),
      clientCa: ca,
      ...(options.limits && { limits: options.limits }),
    },
    // Only these are called.
    served as Router,
    options.starts,
  );
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    accepted.push(socket);
    tls.accept(socket, options.origin);
  });
  await listen(server, 0, '127.0.0.1');
  t.after(() => {
    tls.close();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, ca, accepted };
}
