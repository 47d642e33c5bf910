/**
 * Who sent a request, as far as its connection says: the client certificate's common name is the user (of several the
 * last one, as for whoever judges requests for certificates), its organizations are the groups. Without a certificate
 * nobody; with one that this cluster's authority did not sign, or that has expired, nobody that is known.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type Subject, subjectOfCertificate } from '@timonier/pki';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export type Peer =
  | { readonly kind: 'none' }
  /** The certificate is no good, or names nobody. */
  | { readonly kind: 'refused' }
  /** Its certificate, and those that came with it, are valid until then, in milliseconds since the epoch. */
  | { readonly kind: 'user'; readonly user: User; readonly validUntil: number }
  /** A proxy that may name users in headers. */
  | { readonly kind: 'proxy'; readonly validUntil: number };

/** Of a certificate and what came with it; no more of them are accepted in a handshake. */
const maxChain = 100;

export type PeerSocket = Pick<TLSSocket, 'authorized' | 'getPeerCertificate' | 'getPeerX509Certificate'>;

/** Tells the authorities of proxies and users apart; absent: there are only users. */
export type ProxyTest = (certificate: X509Certificate, name: string) => 'proxy' | 'user' | 'refused';

/** An intermediate authority that ends takes what it signed with it. */
function endOf(certificate: X509Certificate): number {
  let end = Infinity;
  let current: X509Certificate | undefined = certificate;
  for (let depth = 0; current !== undefined && depth < maxChain; depth++) {
    end = Math.min(end, current.validToDate.getTime());
    current = current.issuerCertificate;
  }
  return end;
}

export function peerOf(socket: PeerSocket, test?: ProxyTest): Peer {
  // Null, against its type, once the connection is gone.
  const certificate = socket.getPeerCertificate() as ReturnType<PeerSocket['getPeerCertificate']> | null;
  if (certificate === null) return { kind: 'refused' };
  // Node gives an empty object when the client presented none.
  if (Object.keys(certificate).length === 0) return { kind: 'none' };
  if (!socket.authorized) return { kind: 'refused' };
  let subject: Subject;
  try {
    subject = subjectOfCertificate(certificate.raw);
  } catch {
    // OpenSSL takes text that is not what its type says; nobody is known by it.
    return { kind: 'refused' };
  }
  const name = subject.commonName;
  const whole = socket.getPeerX509Certificate();
  if (whole === undefined) return { kind: 'refused' };
  const validUntil = endOf(whole);
  const kind = test?.(whole, name) ?? 'user';
  if (kind === 'proxy') return { kind, validUntil };
  if (kind === 'refused') return { kind };
  if (name === '') return { kind: 'refused' };
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    kind: 'user',
    validUntil,
    user: {
      name,
      groups: [...subject.organizations, 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
    },
  };
}
