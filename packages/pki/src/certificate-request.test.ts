import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { requestedSubject } from './certificate-request.ts';

const request = execFileSync(
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
  ].concat(['-subj', '/O=system:masters/O=other/CN=mallory']),
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
);

test('the subject of a request that OpenSSL made is read', () => {
  assert.deepEqual(requestedSubject(request), {
    commonName: 'mallory',
    organizations: ['system:masters', 'other'],
  });
});

test('what is no request, or a part of one, is an error', () => {
  assert.throws(() => requestedSubject('nothing'));
  const body = request.replaceAll(/-----.*-----|\s/g, '');
  for (let length = 4; length < 80; length += 4) {
    const cut = `-----BEGIN CERTIFICATE REQUEST-----\n${body.slice(0, length)}\n-----END CERTIFICATE REQUEST-----`;
    assert.throws(() => requestedSubject(cut), `${length} characters were read`);
  }
});
