/**
 * A small HTTPS server for tests: it answers each request as a function says, remembers what it was asked, and can
 * misbehave the way real servers do (drop a connection, never answer, cut a stream into odd chunks).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sent one by one; the response stays open afterwards when `open` is set. */
  readonly chunks?: readonly (Buffer | string)[];
  readonly open?: boolean;
  readonly drop?: boolean;
  readonly hang?: boolean;
  /** Called with the open response, to write to it later. */
  readonly stream?: (write: (text: string) => void, end: () => void) => void;
}

export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestServer {
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** Breaks every open connection. */
  breakConnections(): void;
  close(): Promise<void>;
}

export interface TestCa {
  readonly cert: Buffer;
  readonly key: Buffer;
  remove(): void;
}

/** One self-signed certificate for localhost and 127.0.0.1, made by openssl. */
export function makeTestCa(): TestCa {
  const directory = mkdtempSync(join(tmpdir(), 'timonier-client-'));
  const keyFile = join(directory, 'key.pem');
  const certFile = join(directory, 'cert.pem');
  const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${keyFile} -out ${certFile}`;
  execFileSync('openssl', command.split(/\s+/), { stdio: 'ignore' });
  return {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export async function startTestServer(
  ca: Pick<TestCa, 'cert' | 'key'>,
  handler: (request: RecordedRequest) => Answer,
  listenOn: { path: string } | { port: number; host: string } = { port: 0, host: '127.0.0.1' },
): Promise<TestServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer({ cert: ca.cert, key: ca.key }, (incoming, outgoing) => {
    void respond(incoming, outgoing, requests, handler);
  });
  await new Promise<void>((resolve) => server.listen(listenOn, resolve));
  const address = server.address();
  return {
    url:
      typeof address === 'string'
        ? 'https://localhost'
        : `https://127.0.0.1:${(address as AddressInfo).port}`,
    requests,
    breakConnections: () => server.closeAllConnections(),
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function respond(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  requests: RecordedRequest[],
  handler: (request: RecordedRequest) => Answer,
): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  const request: RecordedRequest = {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    headers: incoming.headers,
    body: Buffer.concat(parts).toString('utf8'),
  };
  requests.push(request);
  const answer = handler(request);
  if (answer.hang === true) return;
  if (answer.drop === true) {
    incoming.socket.destroy();
    return;
  }
  outgoing.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
  if (answer.stream !== undefined) {
    outgoing.flushHeaders();
    answer.stream(
      (text) => void outgoing.write(text),
      () => void outgoing.end(),
    );
    return;
  }
  if (answer.chunks === undefined) {
    outgoing.end(JSON.stringify(answer.body ?? {}));
    return;
  }
  for (const chunk of answer.chunks) {
    outgoing.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (answer.open !== true) outgoing.end();
}
