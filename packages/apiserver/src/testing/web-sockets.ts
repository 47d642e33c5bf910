/** For tests: WebSockets to an API server, and what they are refused with. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dial, HandshakeError } from '@timonier/streaming';
import type { TestServer } from './harness.ts';

export interface Opening {
  readonly as?: string | undefined;
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Paused, so that nothing is lost before somebody listens. */
export type Client = Awaited<ReturnType<typeof dial>>;

/** A WebSocket as one of the cluster's identities; as nobody in particular when `as` is empty. */
export async function openWebSocket(
  { pki, port }: TestServer,
  path: string,
  { as = 'admin', protocols = [], headers = {} }: Opening = {},
): Promise<Client> {
  const own = as === '' ? undefined : pki.files(as);
  return dial(`wss://127.0.0.1:${port}${path}`, {
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    ...(own === undefined
      ? {}
      : { cert: await readFile(own.certificateFile), key: await readFile(own.keyFile) }),
    protocols,
    headers,
  });
}

/** What a WebSocket is refused with: code, and the message of the Status. */
export async function webSocketRefusal(server: TestServer, path: string, opening?: Opening): Promise<string> {
  try {
    (await openWebSocket(server, path, opening)).terminate();
  } catch (error) {
    assert.ok(error instanceof HandshakeError, String(error));
    const { message } = JSON.parse(error.body) as { message: string };
    return `${error.statusCode} ${message}`;
  }
  return 'it was accepted';
}

/** The code that a WebSocket is closed with, once all that came before is read. */
export function closed(client: Client): Promise<number> {
  return new Promise((resolve) => {
    client.once('close', resolve);
    client.resume();
  });
}
