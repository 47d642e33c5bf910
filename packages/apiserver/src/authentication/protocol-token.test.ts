import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { protocolTokenOf, takeProtocolTokens } from './protocol-token.ts';

const prefix = 'base64url.bearer.authorization.k8s.io.';

function headersWith(protocols: string): IncomingHttpHeaders {
  return { connection: 'keep-alive, Upgrade', upgrade: 'WebSocket', 'sec-websocket-protocol': protocols };
}

function tokenIn(protocols: string): string | undefined {
  const tokens = takeProtocolTokens(headersWith(protocols));
  return tokens && protocolTokenOf(tokens);
}

test('a token is taken out of the subprotocols of a WebSocket, and out of nothing else', () => {
  const headers = headersWith(`a.example, ${prefix}YWJj,b.example`);
  assert.deepEqual(takeProtocolTokens(headers), { encoded: ['YWJj'], others: 2 });
  assert.equal(headers['sec-websocket-protocol'], 'a.example, b.example');
  const alone = headersWith(`${prefix}YWJj`);
  assert.deepEqual(takeProtocolTokens(alone), { encoded: ['YWJj'], others: 0 });
  assert.equal('sec-websocket-protocol' in alone, false);
  assert.equal(takeProtocolTokens(headersWith('a.example')), undefined);
  const plain = { 'sec-websocket-protocol': `a, ${prefix}YWJj` };
  assert.equal(takeProtocolTokens(plain), undefined);
  assert.equal(takeProtocolTokens({ ...plain, upgrade: 'websocket' }), undefined);
  assert.equal(takeProtocolTokens({ ...headersWith(`a, ${prefix}YWJj`), upgrade: 'h2c' }), undefined);
});

test('what is no token, several of them, and one without another subprotocol are refused', () => {
  assert.equal(tokenIn(`a, ${prefix}YWJj`), 'abc');
  assert.equal(tokenIn(`a, ${prefix}w6k`), 'é');
  assert.equal(tokenIn(`a, ${prefix}`), undefined);
  for (const protocols of [
    `${prefix}YWJj`,
    `a, ${prefix}YWJj, ${prefix}YWJj`,
    // Padding, signs of the other alphabet, a length that nothing has, and what is no text.
    `a, ${prefix}YWI=`,
    `a, ${prefix}a+/b`,
    `a, ${prefix}YWJjZ`,
    `a, ${prefix}_w`,
  ])
    assert.throws(() => tokenIn(protocols), { code: 401 }, protocols);
});
