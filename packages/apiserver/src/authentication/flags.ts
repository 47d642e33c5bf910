/** Flags about bearer tokens, under upstream's names and with its defaults, and what they say together. */
import { readFile } from 'node:fs/promises';
import { booleanFlag, type FlagValues, listFlag, stringFlag, UsageError } from '@timonier/component';
import type { AuthenticationOptions } from './options.ts';
import { TokenFile } from './token-file.ts';

export const authenticationFlags = {
  'token-auth-file': stringFlag('', 'CSV file of bearer tokens: token, user, uid and, in quotes, groups'),
  'enable-bootstrap-token-auth': booleanFlag(
    false,
    'accept the bootstrap tokens among the Secrets of kube-system',
  ),
  'oidc-issuer-url': stringFlag(
    '',
    'https URL of an OpenID Connect provider whose identity tokens are accepted',
  ),
  'oidc-client-id': stringFlag('', 'audience that the provider’s tokens must be for'),
  'oidc-username-claim': stringFlag('sub', 'claim that names the user'),
  'oidc-username-prefix': stringFlag(
    '',
    'put before user names; without it the issuer and #, unless the claim is email; - for none',
  ),
  'oidc-groups-claim': stringFlag('', 'claim that names the user’s groups'),
  'oidc-groups-prefix': stringFlag('', 'put before the names of groups'),
  'oidc-required-claim': listFlag([], 'NAME=VALUE that a token must have; may be given several times'),
  'oidc-signing-algs': listFlag(['RS256'], 'algorithms that tokens may be signed with'),
  'oidc-ca-file': stringFlag('', 'authority of the provider’s certificate; without it the public ones'),
};

const algorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

/** Throws a `UsageError` for what does not fit together, and an error that names the flag for a file that is no good. */
export async function authenticationOptions(
  values: FlagValues<typeof authenticationFlags>,
): Promise<AuthenticationOptions> {
  const file = values['token-auth-file'];
  const tokenFile = file === '' ? undefined : (await readNamed('token-auth-file', file)).toString();
  if (tokenFile !== undefined) checkTokens(file, tokenFile);
  return {
    tokenFile,
    bootstrapTokens: values['enable-bootstrap-token-auth'],
    oidc: await oidcOptions(values),
  };
}

/** Refuses a bad line here, where the flag's name is known. */
function checkTokens(file: string, text: string): TokenFile {
  try {
    return new TokenFile(text, '');
  } catch (error) {
    throw new Error(`--token-auth-file: ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function oidcOptions(
  values: FlagValues<typeof authenticationFlags>,
): Promise<AuthenticationOptions['oidc']> {
  const issuer = values['oidc-issuer-url'];
  const clientId = values['oidc-client-id'];
  if ((issuer === '') !== (clientId === ''))
    throw new UsageError('--oidc-issuer-url and --oidc-client-id must be specified together');
  if (issuer === '') return undefined;
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:')
    throw new UsageError(`--oidc-issuer-url: "${issuer}" is not an https URL`);
  for (const name of values['oidc-signing-algs'])
    if (!algorithms.includes(name))
      throw new UsageError(`--oidc-signing-algs: "${name}" is none of ${algorithms.join(', ')}`);
  const ca = values['oidc-ca-file'];
  return {
    issuer,
    clientId,
    usernameClaim: values['oidc-username-claim'],
    usernamePrefix: values['oidc-username-prefix'],
    groupsClaim: values['oidc-groups-claim'],
    groupsPrefix: values['oidc-groups-prefix'],
    requiredClaims: new Map(values['oidc-required-claim'].map(requiredClaim)),
    signingAlgorithms: values['oidc-signing-algs'],
    ca: ca === '' ? undefined : await readNamed('oidc-ca-file', ca),
  };
}

function requiredClaim(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--oidc-required-claim: "${text}" is not of the form NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

async function readNamed(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`--${flag}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
