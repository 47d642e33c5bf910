/** A `TlsServer` on a port of its own, in front of whatever a test serves requests with. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listen } from '@timonier/component';
import { createClusterPki } from '@timonier/pki';
import type { Router } from '../http/router.ts';
import type { StartQueue } from '../http/start-queue.ts';
import { type ConnectionLimits, TlsServer } from '../http/tls-server.ts';

/** Serves until the test ends; returns the server's port and authority. Requests that switch protocols are not served. */
export async function serveBare(
  t: TestContext,
  serve: Router['serve'],
  options: { readonly limits?: Partial<ConnectionLimits>; readonly starts?: StartQueue } = {},
): Promise<{ port: number; ca: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-tls-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
  const { certificateFile, keyFile } = pki.files('apiserver');
  const ca = await readFile(pki.caFile);
  const router: Pick<Router, 'serve' | 'serveUpgrade' | 'switches'> = {
    serve,
    serveUpgrade: () => new Promise(() => undefined),
    switches: () => false,
  };
  const tls = new TlsServer(
    {
      cert: await readFile(certificateFile),
      key: await readFile(keyFile),
      clientCa: ca,
      ...(options.limits && { limits: options.limits }),
    },
    // Only these are called.
    router as Router,
    options.starts,
  );
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    tls.accept(socket);
  });
  await listen(server, 0, '127.0.0.1');
  t.after(() => {
    tls.close();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, ca };
}
