import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Jwt } from './jwt.ts';
import { hashPassword, isPasswordHash, verifyPassword } from './passwords.ts';
import { parseAuthToken, SignedTokens, SimpleTokens } from './tokens.ts';

test('a password is told from others by its hash, and each hash has a salt of its own', async () => {
  const hash = await hashPassword('secret', 4);
  assert.equal(isPasswordHash(hash), true);
  assert.equal(hash.includes('secret'), false);
  assert.equal(await verifyPassword('secret', hash), true);
  assert.equal(await verifyPassword('Secret', hash), false);
  assert.notEqual(await hashPassword('secret', 4), hash);
  assert.equal(await verifyPassword('', 'no hash'), false);
});

test('a hash that asks for more memory or time than any of ours is none', () => {
  assert.equal(isPasswordHash('$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'), false);
  assert.equal(isPasswordHash('$2a$10$abcdefghijklmnopqrstuv'), false);
});

test('a simple token lives as long as it is used, and is forgotten with its user', () => {
  let now = 0;
  const tokens = new SimpleTokens(1_000, () => now);
  const prefix = tokens.prefix();
  assert.match(prefix, /^[a-zA-Z]{16}$/);
  tokens.assigned('one', prefix, 7);
  const token = tokens.issue('one', prefix, 7);
  assert.equal(tokens.indexOf(token), 7);
  assert.deepEqual(tokens.find(token, 3), { username: 'one', authRevision: 3 });
  now = 900;
  assert.notEqual(tokens.find(token, 3), undefined);
  now = 1_800;
  assert.notEqual(tokens.find(token, 3), undefined);
  now = 2_801;
  assert.equal(tokens.find(token, 3), undefined);
  tokens.assigned('one', prefix, 8);
  tokens.forget('one');
  assert.equal(tokens.find(tokens.issue('one', prefix, 8), 3), undefined);
});

test('tokens that were not used in time are dropped when others come', () => {
  let now = 0;
  const tokens = new SimpleTokens(1_000, () => now);
  for (let i = 0; i < 10; i++) tokens.assigned('one', 'a', i);
  assert.equal(tokens.size, 10);
  now = 2_000;
  tokens.assigned('one', 'a', 10);
  assert.equal(tokens.size, 1);
});

const pem = (type: 'rsa' | 'ec'): { priv: Buffer; pub: Buffer } => {
  const { privateKey, publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    priv: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    pub: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
  };
};
const rsa = pem('rsa');
const ec = pem('ec');
const secret = Buffer.from('a secret of some length');

for (const [signMethod, privateKey, publicKey] of [
  ['RS256', rsa.priv, rsa.pub],
  ['PS384', rsa.priv, undefined],
  ['ES256', ec.priv, ec.pub],
  ['HS512', secret, undefined],
] as const)
  test(`a token signed by ${signMethod} says who, until its time is over or somebody changes it`, () => {
    const jwt = new Jwt({ signMethod, privateKey, publicKey, ttlMs: 60_000 });
    const token = jwt.sign({ username: 'one', revision: 5 }, 1_000_000);
    assert.deepEqual(jwt.verify(token, 1_030_000), { username: 'one', revision: 5 });
    assert.equal(jwt.verify(token, 1_061_000), undefined);
    const [header, payload, signature = ''] = token.split('.');
    const other = Buffer.from(JSON.stringify({ username: 'root', revision: 5, exp: 9e9 })).toString(
      'base64url',
    );
    assert.equal(jwt.verify(`${header}.${other}.${signature}`, 1_030_000), undefined);
    assert.equal(jwt.verify(`${header}.${payload}.`, 1_030_000), undefined);
    assert.equal(jwt.verify('nonsense', 1_030_000), undefined);
  });

test('a token cannot choose its own method: neither none, nor a public key as a secret', () => {
  const jwt = new Jwt({ signMethod: 'RS256', privateKey: undefined, publicKey: rsa.pub, ttlMs: 60_000 });
  const payload = Buffer.from(JSON.stringify({ username: 'root', revision: 1, exp: 9e9 })).toString(
    'base64url',
  );
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  assert.equal(jwt.verify(`${none}.${payload}.`, 0), undefined);
  const hmac = Buffer.from('{"alg":"HS256"}').toString('base64url');
  const forged = createHmac('sha256', rsa.pub).update(`${hmac}.${payload}`).digest('base64url');
  assert.equal(jwt.verify(`${hmac}.${payload}.${forged}`, 0), undefined);
});

test('a member with the public key alone checks tokens and gives none out', () => {
  const signing = new SignedTokens(
    new Jwt({ signMethod: 'ES256', privateKey: ec.priv, publicKey: undefined, ttlMs: 60_000 }),
  );
  const checking = new SignedTokens(
    new Jwt({ signMethod: 'ES256', privateKey: undefined, publicKey: ec.pub, ttlMs: 60_000 }),
  );
  const token = signing.issue('one', '', 1, 9);
  assert.deepEqual(checking.find(token), { username: 'one', authRevision: 9 });
  assert.throws(() => checking.issue('one', '', 1, 9), /verify-only/);
});

test('keys that do not fit the method, or each other, are refused', () => {
  const make = (signMethod: string, privateKey?: Buffer, publicKey?: Buffer): (() => Jwt) => {
    return () => new Jwt({ signMethod, privateKey, publicKey, ttlMs: 1 });
  };
  assert.throws(make('RS256', ec.priv), /needs a key of type rsa/);
  assert.throws(make('ES256', ec.priv, pem('ec').pub), /does not belong/);
  assert.throws(make('ES256'), /needs pub-key or priv-key/);
  assert.throws(make('HS256'), /needs priv-key/);
  assert.throws(make('none', secret), /is none of/);
});

test('the flag of etcd says which tokens there are', () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-tokens-'));
  try {
    const file = join(folder, 'key');
    writeFileSync(file, ec.priv);
    assert.ok(parseAuthToken('simple') instanceof SimpleTokens);
    assert.ok(parseAuthToken(`jwt,sign-method=ES256,priv-key=${file},ttl=10m`) instanceof SignedTokens);
    assert.throws(() => parseAuthToken('oauth'), /neither simple nor jwt/);
    assert.throws(() => parseAuthToken('jwt,sign-method=ES256,sign-method=ES256'), /given twice/);
    assert.throws(() => parseAuthToken('jwt,key=x'), /no option key/);
    assert.throws(() => parseAuthToken('jwt,priv-key'), /name=value/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
