import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { listen } from '@timonier/component';
import { createClusterPki } from '@timonier/pki';
import type { Router } from './router.ts';
import { type ConnectionLimits, TlsServer } from './tls-server.ts';

/** A server whose requests are never answered; returns its port and authority. */
async function serve(
  t: TestContext,
  limits: Partial<ConnectionLimits>,
): Promise<{ port: number; ca: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-tls-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
  const { certificateFile, keyFile } = pki.files('apiserver');
  const ca = await readFile(pki.caFile);
  const router: Pick<Router, 'serve' | 'serveUpgrade' | 'switches'> = {
    serve: () => new Promise(() => undefined),
    serveUpgrade: () => new Promise(() => undefined),
    switches: () => false,
  };
  const tls = new TlsServer(
    { cert: await readFile(certificateFile), key: await readFile(keyFile), clientCa: ca, limits },
    // Only these are called.
    router as Router,
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

test('a head that comes byte by byte, and a body that never comes, end the connection', async (t) => {
  const { port, ca } = await serve(t, { head: 100, request: 200, checking: 50 });
  for (const bytes of [
    'GET /version HTTP/1.1\r\nX: ',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{',
  ]) {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca,
      ALPNProtocols: ['http/1.1'],
    });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    socket.write(bytes);
    socket.resume();
    await once(socket, 'close', { signal: AbortSignal.timeout(60_000) });
  }
});

test('an HTTP/2 session without streams is ended, and one with a stream is not', async (t) => {
  const { port, ca } = await serve(t, { idle: 150, checking: 50 });
  const open = (): ReturnType<typeof connectHttp2> => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
    session.on('error', () => undefined);
    t.after(() => session.destroy());
    return session;
  };
  const busy = open();
  const stream = busy.request({ ':path': '/api/v1/pods?watch=1' });
  stream.on('error', () => undefined);
  await once(busy, 'connect');
  await once(open(), 'close', { signal: AbortSignal.timeout(60_000) });
  assert.equal(busy.closed, false);
});
