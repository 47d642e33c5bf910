/**
 * DNS over UDP and TCP on one address. TCP connections are bounded in number, idle time and questions under way; a
 * UDP question is answered from the address it was sent to because the socket is bound to it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket as Stream } from 'node:net';
import { portHolder } from '@timonier/component';
import type { Responder } from './responder.ts';

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxConnections = 256;
const idleMs = 10_000;
const maxQuestionsUnderWay = 4_096;

/** Listens on `host:port`, UDP and TCP; port 0 lets the kernel choose one for both. */
export async function startDnsServer(responder: Responder, host: string, port: number): Promise<DnsServer> {
  const streams = createServer({ allowHalfOpen: true }, (socket) => serveStream(responder, socket));
  streams.maxConnections = maxConnections;
  streams.listen(port, host);
  await started(streams, 'tcp', host, port);
  const chosen = (streams.address() as AddressInfo).port;

  const datagrams = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  let underWay = 0;
  datagrams.on('message', (message, remote) => {
    if (underWay >= maxQuestionsUnderWay) return;
    underWay += 1;
    void responder
      .respond(message, 'udp')
      .then((bytes) => {
        // A client that has gone is no error of ours.
        if (bytes !== undefined) datagrams.send(bytes, remote.port, remote.address, () => undefined);
      })
      .finally(() => {
        underWay -= 1;
      });
  });
  datagrams.bind(chosen, host);
  try {
    await started(datagrams, 'udp', host, chosen);
  } catch (error) {
    streams.close();
    throw error;
  }
  datagrams.on('error', () => undefined);
  return {
    port: chosen,
    close: async () => {
      datagrams.close();
      streams.close();
      await Promise.resolve();
    },
  };
}

async function started(
  server: Server | Socket,
  protocol: 'tcp' | 'udp',
  host: string,
  port: number,
): Promise<void> {
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? portHolder(port, protocol) : message;
    throw new Error(`cannot listen on ${host}:${port}: ${why}`, { cause: error });
  }
}

function serveStream(responder: Responder, socket: Stream): void {
  let received: Buffer = Buffer.alloc(0);
  let chain = Promise.resolve();
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('end', () => {
    void chain.then(() => socket.end());
  });
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = received.subarray(2, end);
      received = received.subarray(end);
      socket.pause();
      chain = chain
        .then(() => responder.respond(message, 'tcp'))
        .then((bytes) => {
          if (bytes === undefined || socket.destroyed) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(bytes.length);
          socket.write(Buffer.concat([length, bytes]));
        })
        .finally(() => socket.resume());
    }
  });
}
