/** How members reach each other: addresses, certificates, and the socket of one connection. */
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

export interface PeerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection to a member, which its caller must watch for errors. */
export function openPeerSocket(address: PeerAddress, tls: PeerTls | undefined): Socket {
  if (tls === undefined) return connect({ host: address.host, port: address.port, noDelay: true });
  const socket = tlsConnect({
    host: address.host,
    port: address.port,
    cert: tls.cert,
    key: tls.key,
    ...(tls.ca === undefined ? { rejectUnauthorized: false } : { ca: tls.ca }),
    // Members are known by the authority that signed them and by the cluster's id, not by their host's name:
    // addresses change, and a certificate need not list them.
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  return socket;
}

/** Resolves when it stands and, with TLS, its other end has shown its certificate; rejects when it cannot be had. */
export function established(socket: Socket, tls: PeerTls | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
  });
}
