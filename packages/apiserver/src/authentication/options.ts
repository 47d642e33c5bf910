/** What the command line says about bearer tokens, and the chain of their kinds, in upstream's order. */
import type { WatchCache } from '../cache/watch-cache.ts';
import type { TokenAuthenticator } from '../tokens/token-authenticator.ts';
import { BootstrapTokens } from './bootstrap-tokens.ts';
import { fetchJsonWith } from './fetch-json.ts';
import { type OidcOptions, OidcTokens } from './oidc.ts';
import { TokenChain, type TokenKind } from './token-chain.ts';
import { TokenFile } from './token-file.ts';

export interface AuthenticationOptions {
  /** Text of `--token-auth-file`. */
  readonly tokenFile?: string | undefined;
  readonly bootstrapTokens?: boolean;
  readonly oidc?:
    | (Omit<OidcOptions, 'fetchJson' | 'now' | 'audience'> & { readonly ca?: Buffer | undefined })
    | undefined;
}

interface Parts {
  readonly serviceAccounts: TokenAuthenticator | undefined;
  readonly cache: WatchCache;
  readonly root: string;
}

const usualAudience = 'https://kubernetes.default.svc.cluster.local';

export function tokenChain(
  options: AuthenticationOptions,
  { serviceAccounts, cache, root }: Parts,
): TokenChain {
  const audience = serviceAccounts?.signer.issuer ?? usualAudience;
  const now = (): number => Date.now();
  const kinds: TokenKind[] = [];
  if (options.tokenFile !== undefined) kinds.push(new TokenFile(options.tokenFile, audience));
  if (serviceAccounts !== undefined) kinds.push(serviceAccounts);
  if (options.bootstrapTokens === true) kinds.push(new BootstrapTokens({ cache, root, now, audience }));
  if (options.oidc !== undefined)
    kinds.push(new OidcTokens({ ...options.oidc, fetchJson: fetchJsonWith(options.oidc.ca), now, audience }));
  return new TokenChain(kinds);
}
