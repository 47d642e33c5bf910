import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkRequestSignature, requestedSubject } from './certificate-request.ts';

const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

function requestOf(key: readonly string[]): string {
  return execFileSync(
    'openssl',
    ['req', '-new', ...key, '-nodes', '-subj', '/O=system:masters/O=other/CN=mallory'].concat(
      key.includes('-key') ? [] : ['-keyout', '/dev/null'],
    ),
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
}

function asPem(body: Buffer): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
}

const request = requestOf(ec);
const der = Buffer.from(request.replaceAll(/-----.*-----|\s/g, ''), 'base64');

test('the subject of a request that OpenSSL made is read', () => {
  assert.deepEqual(requestedSubject(request), {
    commonName: 'mallory',
    organizations: ['system:masters', 'other'],
  });
});

test('what is no request, or a part of one, is an error', () => {
  assert.throws(() => requestedSubject('nothing'));
  for (let length = 3; length < der.length; length += 3) {
    const cut = asPem(der.subarray(0, length));
    assert.throws(() => requestedSubject(cut), `${length} bytes were read`);
    assert.throws(() => checkRequestSignature(cut), `${length} bytes were taken`);
  }
  assert.throws(() => requestedSubject(asPem(Buffer.concat([der, Buffer.of(0)]))), 'with more behind it');
});

test('a request is signed by its own key, with every algorithm that Go takes', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-request-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // One for all: to make one takes long.
  const rsa = ['-key', join(folder, 'rsa.key')];
  execFileSync('openssl', ['genrsa', '-out', join(folder, 'rsa.key'), '2048'], { stdio: 'ignore' });
  const pss = [...rsa, '-sigopt', 'rsa_padding_mode:pss'];
  const kinds: Record<string, readonly string[]> = {
    'ECDSA, SHA-256': ec,
    'ECDSA, SHA-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
    'RSA, SHA-256': rsa,
    'RSA, SHA-512': [...rsa, '-sha512'],
    'RSA PSS, SHA-256': pss,
    'RSA PSS, SHA-384, short salt': [...pss, '-sha384', '-sigopt', 'rsa_pss_saltlen:20'],
    Ed25519: ['-newkey', 'ed25519'],
  };
  for (const [name, key] of Object.entries(kinds))
    assert.doesNotThrow(() => checkRequestSignature(requestOf(key)), name);
});

test('a request that was changed after it was signed is told from one that was not', () => {
  const at = der.indexOf('mallory');
  assert.notEqual(at, -1);
  const changed = Buffer.from(der);
  changed.write('malloca', at);
  assert.equal(requestedSubject(asPem(changed)).commonName, 'malloca');
  assert.throws(() => checkRequestSignature(asPem(changed)), /^Error: x509: ECDSA verification failure$/);
});

test('a bit that flips anywhere is noticed', () => {
  for (let at = 0; at < der.length; at++) {
    const flipped = Buffer.from(der);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    assert.throws(() => checkRequestSignature(asPem(flipped)), `byte ${at}`);
  }
});
