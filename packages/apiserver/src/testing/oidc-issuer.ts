/** For tests: an OpenID Connect provider over real HTTPS that signs what a test asks for, and can change its keys. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { TestContext } from 'node:test';
import { listen } from '@timonier/component';
import type { ClusterPki } from '@timonier/pki';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface OidcIssuer {
  readonly url: string;
  /** How often its keys were asked for. */
  readonly fetches: number;
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
  /** From now on tokens are signed with another key; the one before is no longer published. */
  rotate(): Promise<void>;
}

export async function startOidcIssuer(t: Pick<TestContext, 'after'>, pki: ClusterPki): Promise<OidcIssuer> {
  const { certificateFile, keyFile } = pki.files('apiserver');
  let signing: { readonly key: CryptoKey; readonly jwk: JWK };
  let made = 0;
  const rotate = async (): Promise<void> => {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: `key-${++made}`, alg: 'RS256', use: 'sig' };
    signing = { key: privateKey, jwk };
  };
  await rotate();
  let url = '';
  let fetches = 0;
  const server = createServer(
    { cert: await readFile(certificateFile), key: await readFile(keyFile) },
    (request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration')
        response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
      else {
        fetches++;
        response.end(JSON.stringify({ keys: [signing.jwk] }));
      }
    },
  );
  await listen(server, 0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  url = `https://localhost:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url,
    get fetches() {
      return fetches;
    },
    rotate,
    sign: async (claims) =>
      new SignJWT({ iss: url, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: signing.jwk.kid ?? '' })
        .sign(signing.key),
  };
}
