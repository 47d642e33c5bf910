/**
 * Who sent a request: the client certificate's common name is the user, its organizations are the groups. Without a
 * certificate the user is anonymous; with one that this cluster's authority did not sign, or that has expired, the
 * request is refused.
 */
import type { TLSSocket } from 'node:tls';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

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
