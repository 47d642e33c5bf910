import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from './certificate.ts';
import { requestedNames, requestedSubject } from './certificate-request.ts';
import { signRequest } from './signing.ts';

const names =
  'DNS:web.example.com,IP:192.0.2.7,IP:2001:db8::7,email:a@example.com,URI:spiffe://example.com/web';

function requestWith(...args: string[]): string {
  return execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      ...args,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
}

const year = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2126-01-01T00:00:00Z'),
};
const authority = createAuthority('test-ca', 36_500, new Date('2026-01-01T00:00:00Z'));

test('the names of a request are read by their kinds; there may be none', () => {
  assert.deepEqual(requestedNames(requestWith('-subj', '/CN=web', '-addext', `subjectAltName=${names}`)), {
    dns: ['web.example.com'],
    ips: ['192.0.2.7', '2001:db8::7'],
    emails: ['a@example.com'],
    uris: ['spiffe://example.com/web'],
  });
  assert.deepEqual(requestedNames(requestWith('-subj', '/CN=web')), {
    dns: [],
    ips: [],
    emails: [],
    uris: [],
  });
});

test('names that cannot be what they say they are, are an error', () => {
  const withNames = (given: string): string =>
    requestWith('-subj', '/CN=web', '-addext', `subjectAltName=${given}`);
  for (const given of ['DNS:é.example.com', 'email:é@example.com', 'URI:http://é'])
    assert.throws(() => requestedNames(withNames(given)), /^Error: x509: SAN \w+ is malformed$/, given);
  const request = withNames('IP:192.0.2.7');
  const der = Buffer.from(request.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  // Of one address and a name, an address of two bytes and a name that nobody reads.
  const at = der.indexOf(Buffer.of(0x87, 4, 192, 0, 2, 7));
  Buffer.of(0x87, 2, 192, 0, 0x88, 0).copy(der, at);
  const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  assert.throws(() => requestedNames(changed), /^Error: x509: cannot parse IP address/);
});

test('a certificate says who asked, and is for what the signer says; OpenSSL takes it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-signing-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const request = requestWith(
    '-subj',
    '/C=FR/O=system:nodes/CN=system:node:a',
    '-addext',
    `subjectAltName=${names}`,
    '-addext',
    'basicConstraints=critical,CA:TRUE',
  );
  const usages = ['digital signature', 'key encipherment', 'server auth', 'client auth'];
  const pem = signRequest(request, { usages, ...year }, authority);
  const certificate = new X509Certificate(pem);
  assert.equal(certificate.subject, 'C=FR\nO=system:nodes\nCN=system:node:a');
  assert.equal(certificate.issuer, 'CN=test-ca');
  assert.equal(certificate.ca, false);
  assert.equal(
    certificate.subjectAltName,
    'DNS:web.example.com, email:a@example.com, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7, URI:spiffe://example.com/web',
  );
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(new Date(certificate.validTo).getTime(), year.notAfter.getTime());
  writeFileSync(join(folder, 'ca.crt'), authority.certificate);
  writeFileSync(join(folder, 'leaf.crt'), pem);
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  for (const use of ['sslserver', 'sslclient'])
    assert.match(openssl('verify', '-CAfile', 'ca.crt', '-purpose', use, 'leaf.crt'), /OK/);
  assert.match(openssl('x509', '-in', 'leaf.crt', '-noout', '-text'), /Digital Signature, Key Encipherment/);
});

test('who asks under several common names is signed as the one that was judged', () => {
  const request = requestWith('-subj', '/O=system:nodes/CN=system:kube-controller-manager/CN=system:node:a');
  const pem = signRequest(request, { usages: ['client auth'], ...year }, authority);
  assert.equal(requestedSubject(request).commonName, 'system:node:a');
  assert.equal(new X509Certificate(pem).subject, 'O=system:nodes\nCN=system:node:a');
});

test('a group in an encoding that does not hold it is neither read nor signed', () => {
  const request = requestWith('-utf8', '-subj', '/O=system:masters/CN=a');
  const der = Buffer.from(request.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  const at = der.indexOf('system:masters') - 2;
  assert.equal(der[at], 0x0c);
  der[at] = 0x12;
  const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  assert.throws(() => requestedSubject(changed), /invalid NumericString/);
});

test('an authority with an RSA key signs, too', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = mkdtempSync(join(tmpdir(), 'timonier-signing-'));
  try {
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    writeFileSync(join(folder, 'ca.key'), key);
    const args = ['req', '-x509', '-key', 'ca.key', '-days', '36500', '-subj', '/O=Example/CN=rsa-ca'];
    const certificate = execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    const pem = signRequest(
      requestWith('-subj', '/CN=anna'),
      { usages: ['client auth'], ...year },
      { certificate, key },
    );
    assert.ok(new X509Certificate(pem).verify(new X509Certificate(certificate).publicKey));
    assert.ok(new X509Certificate(pem).checkIssued(new X509Certificate(certificate)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('who does not hold the key gets nothing', () => {
  const request = requestWith('-subj', '/CN=anna');
  const der = Buffer.from(request.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  assert.throws(() => signRequest(forged, { usages: ['client auth'], ...year }, authority));
});
