import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { TokenSigner } from './service-account-tokens.ts';

const issuer = 'https://issuer.example';

function signer(): TokenSigner {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new TokenSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), issuer);
}

function token(from: TokenSigner, name = 'default'): string {
  return from.sign({
    sub: `system:serviceaccount:default:${name}`,
    aud: [issuer],
    iat: 100,
    nbf: 100,
    exp: 200,
    'kubernetes.io': { namespace: 'default', serviceaccount: { name, uid: 'u' } },
  });
}

test('a token that was accepted before is refused once it has expired, and clocks may differ by a minute', () => {
  const ours = signer();
  const text = token(ours);
  assert.equal(ours.verify(text, 39), undefined);
  assert.equal(ours.verify(text, 40)?.sub, 'system:serviceaccount:default:default');
  assert.equal(ours.verify(text, 150)?.sub, 'system:serviceaccount:default:default');
  assert.equal(ours.verify(text, 260)?.sub, 'system:serviceaccount:default:default');
  assert.equal(ours.verify(text, 261), undefined);
});

test('a token that differs in anything from one that was accepted is refused', () => {
  const ours = signer();
  const text = token(ours);
  assert.notEqual(ours.verify(text, 150), undefined);
  const [header = '', payload = '', signature = ''] = text.split('.');
  const other = token(ours, 'other').split('.');
  const altered = [
    `${header}.${other[1]}.${signature}`,
    `${header}.${payload}.${other[2]}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${text}.`,
    `${text}!`,
    `${text}=`,
    `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`,
    token(signer()),
    '',
  ];
  for (const one of altered) {
    assert.equal(ours.verify(one, 150), undefined, one);
    assert.equal(ours.verify(one, 150), undefined, one);
  }
});
