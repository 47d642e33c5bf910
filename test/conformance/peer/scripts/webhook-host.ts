/**
 * Where webhooks of scripts are: one server over TLS that both API servers call. The path that it is called at says what it
 * answers, so that it has no state.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, createCertificate } from '@timonier/pki';
import { freePorts } from '../../store/members.ts';

export interface WebhookHost {
  /** The `clientConfig` of a webhook that answers as `name` says. */
  clientConfig(name: string): Record<string, unknown>;
  /** Of a server whose certificate nobody can check. */
  untrusted(): Record<string, unknown>;
  /** Of a place where nothing listens. */
  nowhere(): Record<string, unknown>;
  close(): void;
}

export interface HostAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** `answer` is given the name and the body of each call; undefined: there never is an answer. */
export async function startWebhookHost(
  usual: string,
  answer: (name: string, body: string) => HostAnswer | undefined,
): Promise<WebhookHost> {
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
      const name = (request.url ?? '').replace(/^\/|\?.*$/g, '');
      const answered = answer(name, Buffer.concat(chunks).toString());
      if (answered === undefined) return;
      response.writeHead(answered.status, answered.headers);
      response.end(answered.text);
    })();
  });
  // Both servers keep connections, and calls that meet their end would tell of nothing else.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const [closed] = await freePorts(1);
  const bundle = (certificate: string): string => Buffer.from(certificate).toString('base64');
  return {
    clientConfig: (name) => ({
      url: `https://localhost:${port}/${name}`,
      caBundle: bundle(authority.certificate),
    }),
    untrusted: () => ({ url: `https://localhost:${port}/${usual}`, caBundle: bundle(other.certificate) }),
    nowhere: () => ({ url: `https://127.0.0.1:${closed}/${usual}`, caBundle: bundle(authority.certificate) }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
