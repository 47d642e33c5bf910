/**
 * Joins a client's exec or attach connection to the runtime's. The two may speak different versions of the channel
 * protocol (a new kubectl offers only v5, one up to 1.30 and an older runtime know only SPDY), so streams are joined and
 * not bytes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  acceptSpdyStreams,
  acceptStreams,
  type ClientStreams,
  HandshakeError,
  offeredProtocols,
  refuseUpgrade,
  type WantedStreams,
  wantsBareSpdy,
} from '@timonier/streaming';

/** Resolves when the command has ended or either side has gone. The runtime is dialled before the client is accepted. */
export async function bridgeStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  dial: () => Promise<ClientStreams>,
): Promise<void> {
  const spdy = wantsBareSpdy(request);
  if (!spdy && offeredProtocols(request).length === 0) {
    refuseUpgrade(
      socket,
      400,
      'a WebSocket with one of the channel protocols is needed, such as v5.channel.k8s.io, or SPDY/3.1',
    );
    return;
  }
  let runtime;
  try {
    runtime = await dial();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    refuseUpgrade(socket, error instanceof HandshakeError ? error.statusCode : 502, message);
    return;
  }
  let client;
  try {
    client = await (spdy
      ? acceptSpdyStreams(request, socket, head, wanted)
      : acceptStreams(request, socket, head));
  } catch {
    // The client has been answered already.
    runtime.close();
    return;
  }
  client.closed.addEventListener('abort', () => runtime.close(), { once: true });
  client.onResize((size) => void runtime.resize(size).catch(() => undefined));
  // Input that ends or breaks must not end the output.
  void pipeline(client.stdin, runtime.stdin).catch(() => undefined);
  const output = Promise.allSettled([
    pipeline(runtime.stdout, client.stdout, { end: false }),
    pipeline(runtime.stderr, client.stderr, { end: false }),
  ]);
  const outcome = await runtime.outcome;
  await output;
  await client.finish(outcome);
  runtime.close();
}
