/**
 * Runs a command in a container through the API server, over a WebSocket with the Kubernetes channel protocols.
 * Servers are tried in order while they cannot be reached; a refusal is an `ApiError` like any other.
 */
import { type ClientStreams, HandshakeError, openStreams } from '@timonier/streaming';
import type { ClientOptions } from './client.ts';
import { apiErrorFrom, ConnectionError } from './errors.ts';

export interface ExecOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly command: readonly string[];
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

/** The connected streams; `outcome` tells how the command ended. Not available over a private unix socket. */
export async function execInPod(client: ClientOptions, options: ExecOptions): Promise<ClientStreams> {
  const query = new URLSearchParams();
  for (const part of options.command) query.append('command', part);
  if (options.container !== undefined) query.set('container', options.container);
  if (options.stdin === true) query.set('stdin', 'true');
  if (options.tty === true) query.set('tty', 'true');
  query.set('stdout', 'true');
  if (options.tty !== true) query.set('stderr', 'true');
  const path = `/api/v1/namespaces/${encodeURIComponent(options.namespace)}/pods/${encodeURIComponent(options.pod)}/exec`;
  let last: unknown;
  for (const server of client.servers ?? []) {
    try {
      return await openStreams(new URL(`${path}?${query.toString()}`, server), {
        headers: client.token === undefined ? {} : { authorization: `Bearer ${client.token}` },
        ...(client.ca === undefined ? {} : { ca: client.ca }),
        ...(client.cert === undefined ? {} : { cert: client.cert }),
        ...(client.key === undefined ? {} : { key: client.key }),
        ...(client.serverName === undefined ? {} : { servername: client.serverName }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        timeoutMs: client.timeoutMs ?? 10_000,
      });
    } catch (error) {
      if (error instanceof HandshakeError && error.statusCode !== 503) {
        throw apiErrorFrom(error.statusCode, Buffer.from(error.body), undefined);
      }
      last = error;
      if (options.signal?.aborted === true) break;
    }
  }
  const reason = last instanceof Error ? last.message : 'no server is configured';
  throw new ConnectionError(`cannot reach pod ${options.namespace}/${options.pod}: ${reason}`, false, last);
}
