/**
 * A secondary API server behind the one that is attacked: it answers whatever comes, and remembers who it is said to be
 * from. It trusts the connection, as such servers do: a request that was smuggled to it is a request of whoever it names.
 */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, createCertificate } from '@timonier/pki';

export const behindGroup = 'behind.example.com';
export const behindPath = `/apis/${behindGroup}/v1`;
/** Whom no request that is passed on is from. */
export const stowaway = 'stowaway';

const document = JSON.stringify({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${behindGroup}/v1`,
  resources: [],
});

export class Behind {
  readonly caBundle: string;
  /** Requests that nobody asked the attacked server for. */
  readonly smuggled: string[] = [];
  requests = 0;
  readonly #server: Server;

  constructor() {
    const now = new Date();
    const authority = createAuthority('behind-ca', 2, now);
    const { certificate, key } = createCertificate(
      { commonName: 'behind', usages: ['server'], hosts: ['behind.default.svc'], validDays: 2 },
      authority,
      now,
    );
    this.caBundle = Buffer.from(authority.certificate).toString('base64');
    this.#server = createServer({ cert: certificate, key }, (request, response) => {
      this.requests++;
      if (request.headers['x-remote-user'] === stowaway)
        this.smuggled.push(`${request.method} ${request.url}`);
      request.resume();
      response.on('error', () => undefined);
      response.writeHead(200, { 'content-type': 'application/json' }).end(document);
    });
    this.#server.on('upgrade', (_, socket) => socket.destroy());
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
