import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAuthenticationConfiguration } from './configuration.ts';

const own = 'https://own.example.com';

function parse(jwt: unknown, more: object = {}): ReturnType<typeof parseAuthenticationConfiguration> {
  const document = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [jwt],
    ...more,
  };
  return parseAuthenticationConfiguration(JSON.stringify(document), own);
}

function provider(claimMappings: object = {}, more: object = {}, issuer: object = {}): object {
  return {
    issuer: { url: 'https://issuer.example.com', audiences: ['me'], ...issuer },
    claimMappings: { username: { claim: 'sub', prefix: '' }, ...claimMappings },
    ...more,
  };
}

test('what is wrong with a configuration of providers is told by its field', () => {
  const table: readonly (readonly [() => unknown, RegExp])[] = [
    [() => parseAuthenticationConfiguration('{', own), /it is not YAML/],
    [() => parse(provider(), { kind: 'Other' }), /^Error: kind: Required value/],
    [() => parse(provider(), { apiVersion: 'v1' }), /^Error: apiVersion: Required value/],
    [() => parse(provider(), { jwts: [] }), /^Error: jwts: unknown field/],
    [() => parse(provider({}, {}, { url: 'http://a' })), /jwt\[0\]\.issuer\.url: .*scheme must be https/],
    [() => parse(provider({}, {}, { url: 'https://a/?b' })), /URL must not contain a query/],
    [() => parse(provider({}, {}, { url: own })), /must not overlap with disallowed issuers/],
    [() => parse(provider({}, {}, { audiences: [] })), /issuer\.audiences: Required value/],
    [() => parse(provider({}, {}, { audiences: ['a', 'b'] })), /audienceMatchPolicy must be MatchAny/],
    [() => parse(provider({}, {}, { certificateAuthority: 'x' })), /certificateAuthority: .*<omitted>/],
    [
      () => parse(provider({}, {}, { discoveryURL: 'https://issuer.example.com/' })),
      /discoveryURL must be different from URL/,
    ],
    [() => parse(provider({ username: {} })), /username: Required value: claim or expression is required/],
    [() => parse(provider({ username: { claim: 'sub' } })), /username\.prefix: Required value/],
    [() => parse(provider({ username: { claim: 'a', expression: 'b' } })), /can't both be set/],
    [() => parse(provider({ username: { expression: 'claims.' } })), /compilation failed/],
    [
      () => parse(provider({ username: { expression: 'claims.email' } })),
      /claims\.email_verified must be used/,
    ],
    [
      () => parse(provider({ username: { expression: "claims.email + 'claims.email_verified'" } })),
      /claims\.email_verified must be used/,
    ],
    [() => parse(provider({ extra: [{ key: 'a', valueExpression: '"b"' }] })), /domain-prefixed/],
    [() => parse(provider({ extra: [{ key: 'a.k8s.io/b', valueExpression: '"b"' }] })), /reserved/],
    [() => parse(provider({}, { claimValidationRules: [{ expression: '1' }] })), /expected type 'bool'/],
    [() => parse(provider({}, { claimValidationRules: [{}] })), /claim or expression is required/],
    [() => parse(provider({}, { userValidationRules: [{ expression: 'user.nickname == ""' }] })), /nickname/],
    [() => parse(provider(), { jwt: [provider(), provider()] }), /jwt\[1\]\.issuer\.url: Duplicate value/],
    [
      () => parse(provider(), { anonymous: { enabled: false, conditions: [{ path: '/livez' }] } }),
      /enabled should be set to true/,
    ],
  ];
  for (const [wrong, message] of table) assert.throws(wrong, message);
});

test('claims that rules do not fit name nobody, whatever they are', () => {
  const nameOf = (jwt: object, claims: object): string | undefined =>
    parse(jwt).providers[0]?.userOf(claims as never)?.name;
  const verified = provider({
    username: { expression: 'claims.email' },
    extra: [{ key: 'example.com/seen', valueExpression: 'string(claims.email_verified)' }],
  });
  assert.equal(nameOf(verified, { email: 'a@b', email_verified: true }), 'a@b');
  assert.equal(nameOf(verified, { email: 'a@b' }), undefined);
  const plain = provider({ username: { claim: 'email', prefix: 'p:' }, groups: { claim: 'g', prefix: '' } });
  assert.equal(nameOf(plain, { email: 'a@b' }), 'p:a@b');
  assert.equal(nameOf(plain, { email: 'a@b', email_verified: false }), undefined);
  assert.equal(nameOf(plain, { email: '', g: [] }), undefined);
  assert.equal(nameOf(plain, { email: 'a@b', g: [1] }), undefined);
  assert.equal(nameOf(plain, { email: 'a@b', g: { a: 1 } }), undefined);
  assert.equal(nameOf(provider({ username: { claim: '__proto__', prefix: '' } }), {}), undefined);
});
