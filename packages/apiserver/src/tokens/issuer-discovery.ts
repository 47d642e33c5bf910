/**
 * What tells others how to check this cluster's tokens of ServiceAccounts: the provider's configuration and its keys
 * (OpenID Connect Discovery 1.0, JWK sets of RFC 7517), at upstream's two paths.
 */
import { pathNotFound, StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import type { TokenSigner } from './service-account-tokens.ts';

const configurationPath = '/.well-known/openid-configuration';
const keysPath = '/openid/v1/jwks';
const headers = { 'cache-control': 'public, max-age=3600' };

export function isIssuerPath(path: string): boolean {
  const plain = path.replace(/\/$/, '');
  return plain === configurationPath || plain === keysPath;
}

/** `address` is where this API server is reached, as host:port. Throws 404 without a key to sign with. */
export async function answerIssuer(
  exchange: Exchange,
  signer: TokenSigner | undefined,
  address: string,
): Promise<void> {
  if (signer === undefined) throw new StatusError(pathNotFound());
  if (exchange.url.pathname.startsWith(keysPath)) {
    await exchange.send(
      200,
      'application/jwk-set+json',
      JSON.stringify({ keys: [signer.publicJwk] }),
      headers,
    );
    return;
  }
  const configuration = {
    issuer: signer.issuer,
    jwks_uri: `https://${address}${keysPath}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [signer.publicJwk.alg],
  };
  await exchange.send(200, 'application/json', JSON.stringify(configuration), headers);
}
