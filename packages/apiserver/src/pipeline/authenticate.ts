/**
 * Who sent a request: the client certificate's common name is the user, its organizations are the groups; without a
 * certificate a bearer token may tell. With neither the user is anonymous; with one that this cluster's authority did not sign, or that has expired, the
 * request is refused.
 */
import type { TLSSocket } from 'node:tls';
import type { HttpRequest } from '../http/exchange.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const known = new WeakMap<object, User | undefined>();

/** The user of a request. A connection's certificate is read once: it cannot change while the connection lasts. */
export function authenticateRequest(request: HttpRequest): User | undefined {
  // Over HTTP/2 a request's socket is a stand-in of its own; the session is what its requests share.
  const connection: object = request.stream?.session ?? request.socket;
  if (known.has(connection)) return known.get(connection);
  const user = authenticate(request.socket);
  known.set(connection, user);
  return user;
}

/** The user behind a connection, or undefined when its certificate is no good. */
export function authenticate(socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>): User | undefined {
  const certificate = socket.getPeerCertificate();
  // Node gives an empty object when the client presented none.
  if (Object.keys(certificate).length === 0) return anonymous;
  if (!socket.authorized) return undefined;
  const name = values(certificate.subject.CN)[0];
  if (name === undefined || name === '') return undefined;
  return { name, groups: [...values(certificate.subject.O), 'system:authenticated'] };
}

function values(field: string | string[] | undefined): readonly string[] {
  if (field === undefined) return [];
  return typeof field === 'string' ? [field] : field;
}
