/**
 * A webhook that converts the kind `Host` between `v1` (`host` and `port`) and `v2` (`address`). The path that it is called
 * at says what it does wrong, so that it has no state and both servers may call it at once.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, createCertificate } from '@timonier/pki';
import { freePorts } from '../../../store/members.ts';
import { type Answered, answers, type Review } from './answers.ts';

export interface Webhook {
  /** `clientConfig` of a definition whose objects are answered by `answers[name]`. */
  clientConfig(name: string): object;
  /** Of a server whose certificate nobody can check. */
  untrusted(): object;
  /** Of a place where nothing listens. */
  nowhere(): object;
  close(): void;
}

export async function startWebhook(): Promise<Webhook> {
  const authority = createAuthority('webhook-ca', 2, new Date());
  const other = createAuthority('other-ca', 2, new Date());
  const identity = createCertificate(
    { commonName: 'webhook', usages: ['server'], hosts: ['localhost'], validDays: 1 },
    authority,
    new Date(),
  );
  const server = createServer({ cert: identity.certificate, key: identity.key }, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      const name = (request.url ?? '').replace(/^\/|\?.*$/g, '');
      const { status, type, text }: Answered = answers[name]?.(review) ?? {
        status: 404,
        type: 'text/plain',
        text: `nothing is at ${name}`,
      };
      response.writeHead(status, { 'content-type': type });
      response.end(text);
    })();
  });
  // Both servers keep connections, and calls that meet their end would tell of nothing else.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [closed] = await freePorts(1);
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  return {
    clientConfig: (name) => ({ url: `https://localhost:${port}/${name}`, caBundle }),
    untrusted: () => ({
      url: `https://localhost:${port}/right`,
      caBundle: Buffer.from(other.certificate).toString('base64'),
    }),
    nowhere: () => ({ url: `https://127.0.0.1:${closed}/right`, caBundle }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
