/** For tests: what somebody who wants a certificate sends, made by openssl. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';

/** In PEM, with a new key that nobody keeps. `change` may write into what is then signed. */
export function pemRequest(subject: string, change?: (info: Buffer) => void): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  const der = execFileSync('openssl', ['req', '-new', ...key, '-outform', 'DER', '-utf8', '-subj', subject], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return pemOf(change === undefined ? der : signedAnew(der, change));
}

/** A request is three elements: what is signed, which is longer than 127 bytes, the algorithm, and the signature. */
function signedAnew(der: Buffer, change: (info: Buffer) => void): Buffer {
  const infoAt = 2 + lengthBytes(der, 1);
  const infoEnd = endOf(der, infoAt);
  const info = der.subarray(infoAt, infoEnd);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ownKey = publicKey.export({ type: 'spki', format: 'der' });
  // Of every key on the curve all but the point at the end is the same.
  ownKey.copy(info, info.indexOf(ownKey.subarray(0, -64)));
  change(info);
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', info, privateKey)]);
  const algorithm = der.subarray(infoEnd, endOf(der, infoEnd));
  const body = Buffer.concat([info, algorithm, Buffer.of(3, signature.length), signature]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([Buffer.of(0x30, 0x82), length, body]);
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** How many bytes follow the first one of a length. */
function lengthBytes(der: Buffer, at: number): number {
  const first = der[at] ?? 0;
  return first < 0x80 ? 0 : first & 0x7f;
}

function endOf(der: Buffer, at: number): number {
  const more = lengthBytes(der, at + 1);
  return at + 2 + more + (more === 0 ? (der[at + 1] ?? 0) : der.readUIntBE(at + 2, more));
}
