/**
 * Forwarded ports as kubectl asks for them: a SPDY/3.1 session, inside a WebSocket since 1.31 and bare before. For each local connection the client opens
 * two streams of one request id, `error` and `data`; each pair is joined with a connection that the runtime opens.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  acceptSpdy,
  acceptTunnel,
  offeredProtocols,
  openPort,
  SpdySession,
  type SpdyStream,
  wantsBareSpdy,
} from '@timonier/streaming';

const protocol = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${protocol}`;
const pairMs = 30_000;

/** Whether the client wants a SPDY session; others speak channels. */
export function wantsTunnel(request: IncomingMessage): boolean {
  return wantsBareSpdy(request) || offeredProtocols(request).includes(tunnelProtocol);
}

/** Resolves when the client has gone. `urlOf` asks the runtime for a new connection to a port of the pod. */
export async function tunnelPorts(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pod: string,
  urlOf: (port: number) => Promise<string>,
): Promise<void> {
  const transport = wantsBareSpdy(request)
    ? acceptSpdy(socket, head, protocol)
    : await acceptTunnel(request, socket, head, tunnelProtocol);
  const session = new SpdySession(transport);
  const waiting = new Map<string, SpdyStream>();
  try {
    await session.run((stream) => {
      const requestId = stream.headers.get('requestid') ?? '';
      const other = waiting.get(requestId);
      if (other === undefined) {
        waiting.set(requestId, stream);
        // A request whose second stream never comes must not stay.
        const timer = setTimeout(() => stream.destroy(), pairMs);
        stream.once('close', () => {
          if (waiting.get(requestId) === stream) waiting.delete(requestId);
        });
        stream.once('paired', () => clearTimeout(timer));
        return;
      }
      waiting.delete(requestId);
      other.emit('paired');
      const data = [stream, other].find(({ headers }) => headers.get('streamtype') === 'data');
      const error = data === stream ? other : stream;
      if (data === undefined || error.headers.get('streamtype') !== 'error') {
        stream.destroy();
        other.destroy();
      } else void forward(data, error, pod, urlOf);
    });
  } catch {
    // The session has ended with all of its streams; the client knows why.
  }
}

async function forward(
  data: SpdyStream,
  error: SpdyStream,
  pod: string,
  urlOf: (port: number) => Promise<string>,
): Promise<void> {
  const port = Number(data.headers.get('port'));
  error.resume();
  let failure: string | undefined;
  try {
    const connection = await openPort(await urlOf(port));
    data.once('close', () => connection.close());
    if (data.destroyed) connection.close();
    void pipeline(data, connection.input, { end: true }).catch(() => undefined);
    await pipeline(connection.output, data).catch(() => connection.close());
    failure = await connection.failure;
  } catch (cause) {
    failure = cause instanceof Error ? cause.message : String(cause);
  }
  if (failure === undefined) error.end();
  else error.end(`error forwarding port ${port} to pod ${pod}: ${failure}`);
  if (failure !== undefined) data.destroy();
}
