import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerSocket, peerOf } from './authenticate.ts';

test('a connection that is gone before anybody asks who it was is nobody’s', () => {
  const gone = { authorized: false, getPeerCertificate: () => null, getPeerX509Certificate: () => undefined };
  assert.deepEqual(peerOf(gone as unknown as PeerSocket), { kind: 'refused' });
});
