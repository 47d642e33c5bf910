/** For tests: a program in a pod that requests are passed on to, and who asks. */
import { createServer, type IncomingMessage } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import { patchAs, type SharedServer } from './shared-server.ts';

const core = '/api/v1/namespaces/default';

/** An address of this machine that is not its loopback: proxying to that is refused. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find((one) => one !== undefined && one.family === 'IPv4' && !one.internal);
  return found?.address ?? '';
}

export interface Heard {
  readonly port: number;
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
}

/** A program that tells what it is asked, until the test ends. */
export async function listen(t: TestContext): Promise<Heard> {
  const requests: Heard['requests'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      response.writeHead(request.url === '/teapot' ? 418 : 200, {
        'x-boat': 'yes',
        'content-type': 'text/plain',
      });
      response.end(`${request.method} ${request.url} ${body}`);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    requests.push({ method: 'UPGRADE', url: request.url ?? '', headers: request.headers, body: '' });
    if (request.headers.upgrade !== 'echo')
      return socket.end('HTTP/1.1 400 Bad Request\r\nx-boat: no\r\n\r\nnever');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n');
    socket.write(head);
    return socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

/** A pod that is said to be at an address, and whose first container listens on a port. */
export async function podAt(
  shared: SharedServer,
  name: string,
  address: string,
  port: number,
): Promise<void> {
  const containers = [{ name: 'a', image: 'b', ports: [{ containerPort: port }] }];
  await shared.ask(201, 'POST', `${core}/pods`, { metadata: { name }, spec: { containers } });
  const status = { phase: 'Running', podIP: address, podIPs: [{ ip: address }] };
  await shared.ask(200, 'PATCH', `${core}/pods/${name}/status`, { status }, patchAs('merge-patch+json'));
}

/** What an administrator opens a connection of his own with. */
export async function adminIdentity(
  shared: SharedServer,
): Promise<{ servername: string; ca: Buffer; cert: Buffer; key: Buffer }> {
  const { pki } = shared.server;
  const files = pki.files('admin');
  return {
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
  };
}
