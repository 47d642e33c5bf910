/**
 * Users that a front proxy names in headers. A request is believed when it comes with a client certificate of the
 * proxies' own authority, for one of the names that are allowed. Source: "Authenticating Proxy" of the Kubernetes
 * documentation.
 */
import { X509Certificate } from 'node:crypto';
import { textOf } from '../http/header-text.ts';
import type { User } from '../pipeline/authenticate.ts';

export interface RequestHeaderNames {
  /** Common names of proxies; empty allows every one that the authority signed. */
  readonly allowedNames: readonly string[];
  /** In lower case, tried in turn. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/**
 * The user that headers name; undefined when they name none. `rawHeaders` are names and values in turn, as they came,
 * because a header may stand there several times.
 */
export function userOfHeaders(rawHeaders: readonly string[], names: RequestHeaderNames): User | undefined {
  const first = (wanted: readonly string[]): string => {
    for (const name of wanted) {
      const text = firstValue(rawHeaders, name).trim();
      if (text !== '') return text;
    }
    return '';
  };
  const name = first(names.usernameHeaders);
  if (name === '') return undefined;
  const uid = first(names.uidHeaders);
  const groups: string[] = [];
  const fields = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = (rawHeaders[i] ?? '').toLowerCase();
    const value = textOf(rawHeaders[i + 1] ?? '');
    if (names.groupHeaders.includes(header)) groups.push(value);
    const prefix = names.extraHeaderPrefixes.find((one) => header.startsWith(one));
    if (prefix === undefined) continue;
    const key = keyOf(header.slice(prefix.length));
    const values = fields.get(key);
    if (values === undefined) fields.set(key, [value]);
    else values.push(value);
  }
  return {
    name,
    ...(uid === '' ? {} : { uid }),
    groups: groups.includes('system:authenticated') ? groups : [...groups, 'system:authenticated'],
    // Of entries every key is a property of its own, also `__proto__`.
    ...(fields.size === 0 ? {} : { extra: Object.fromEntries(fields) }),
  };
}

/** Of a header that stands there several times the first one counts. */
function firstValue(rawHeaders: readonly string[], name: string): string {
  const at = rawHeaders.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
  return at < 0 ? '' : textOf(rawHeaders[at + 1] ?? '');
}

/** Header names carry what they cannot hold percent-encoded. */
function keyOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const maxChain = 8;

/** The certificates of a PEM bundle. Throws for what is none. */
export function authoritiesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('it holds no certificate');
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * Whether one of some authorities signed a certificate, itself or through others that came with it. That all of them
 * are valid was checked in the handshake, against every authority of this server; this tells them apart.
 */
export function isSignedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  let current = certificate;
  for (let depth = 0; depth < maxChain; depth++) {
    const isSigned = (by: X509Certificate): boolean =>
      current.checkIssued(by) && current.verify(by.publicKey);
    if (authorities.some(isSigned)) return true;
    const next = current.issuerCertificate;
    if (next === undefined || !next.ca || next.fingerprint256 === current.fingerprint256 || !isSigned(next))
      return false;
    current = next;
  }
  return false;
}
