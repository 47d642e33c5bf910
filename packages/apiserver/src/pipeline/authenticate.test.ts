import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type PeerSocket, peerOf } from './authenticate.ts';

test('a connection that is gone before anybody asks who it was is nobody’s', () => {
  const gone = { authorized: false, getPeerCertificate: () => null, getPeerX509Certificate: () => undefined };
  assert.deepEqual(peerOf(gone as unknown as PeerSocket), { kind: 'refused' });
});

test('of several common names in a certificate the last one is the user', () => {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-keyout', '/dev/null', '-days', '1', '-subj', '/O=a/CN=one/O=b/CN=two'];
  const pem = execFileSync('openssl', [...args, ...subject], { stdio: ['ignore', 'pipe', 'ignore'] });
  const certificate = new X509Certificate(pem);
  const peer = peerOf({
    authorized: true,
    getPeerCertificate: () => certificate.toLegacyObject(),
    getPeerX509Certificate: () => certificate,
  } as unknown as PeerSocket);
  assert.deepEqual(peer.kind === 'user' && [peer.user.name, peer.user.groups], [
    'two',
    ['a', 'b', 'system:authenticated'],
  ]);
});
