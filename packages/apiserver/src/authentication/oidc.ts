/** What the flags `--oidc-…` say about the claims of a verified token: whom they name. Pure. */
import type { JWTPayload } from 'jose';
import type { User } from '../pipeline/authenticate.ts';

export interface OidcOptions {
  /** An https URL, as it stands in tokens. */
  readonly issuer: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  /** Empty: the issuer and `#`, unless the claim is `email`; `-`: none. */
  readonly usernamePrefix: string;
  /** Empty: no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly signingAlgorithms: readonly string[];
}

/** The user that verified claims name, or undefined when one that is needed is missing or of another form. */
export function userOf(
  claims: JWTPayload,
  options: Omit<OidcOptions, 'clientId' | 'signingAlgorithms'>,
): User | undefined {
  const { issuer, usernameClaim, usernamePrefix, groupsClaim, groupsPrefix, requiredClaims } = options;
  const own = (name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined);
  for (const [name, value] of requiredClaims) if (own(name) !== value) return undefined;
  const name = own(usernameClaim);
  if (typeof name !== 'string' || name === '') return undefined;
  const verified = own('email_verified');
  if (usernameClaim === 'email' && verified !== undefined && verified !== true) return undefined;
  const usual = usernameClaim === 'email' ? '' : `${issuer}#`;
  const prefix = usernamePrefix === '' ? usual : usernamePrefix === '-' ? '' : usernamePrefix;
  const given = groupsClaim === '' ? [] : (own(groupsClaim) ?? []);
  const groups: unknown[] = Array.isArray(given) ? given : [given];
  if (!groups.every((group) => typeof group === 'string')) return undefined;
  return {
    name: `${prefix}${name}`,
    groups: [...groups.map((group) => `${groupsPrefix}${group}`), 'system:authenticated'],
  };
}
