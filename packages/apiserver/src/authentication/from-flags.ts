/** What the flags about who sends requests say together; files that they name are read here. */
import { readFile } from 'node:fs/promises';
import { type FlagValues, UsageError } from '@timonier/component';
import { hashOf } from '../configuration/followed-file.ts';
import { parseAuthenticationConfiguration } from './configuration.ts';
import { authenticationFlags } from './flags.ts';
import { jwtAlgorithms, type JwtProvider } from './jwt.ts';
import { type OidcOptions, userOf } from './oidc.ts';
import type { AuthenticationOptions } from './options.ts';
import type { RequestHeaderNames } from './request-header.ts';
import { TokenFile } from './token-file.ts';
import { reviewVersions } from './webhook.ts';

type Values = FlagValues<typeof authenticationFlags>;

/**
 * `ownIssuer` is that of this server's tokens. Throws a `UsageError` for what does not fit together, and an error that
 * names the flag for a file that is no good.
 */
export async function authenticationOptions(
  values: Values,
  given: ReadonlySet<string>,
  ownIssuer: string,
): Promise<AuthenticationOptions> {
  const file = values['token-auth-file'];
  const tokenFile = file === '' ? undefined : (await readNamed('token-auth-file', file)).toString();
  if (tokenFile !== undefined) checkTokens(file, tokenFile);
  const provider = await oidcProvider(values);
  return {
    tokenFile,
    bootstrapTokens: values['enable-bootstrap-token-auth'],
    anonymous: values['anonymous-auth'],
    providers: provider === undefined ? [] : [provider],
    webhook: webhookOptions(values),
    file: await configurationFile(values, given, ownIssuer),
  };
}

/** The names of headers and proxies, in the spelling that was given. */
export function requestHeaderNames(values: Values): RequestHeaderNames {
  return {
    allowedNames: values['requestheader-allowed-names'],
    usernameHeaders: values['requestheader-username-headers'],
    uidHeaders: values['requestheader-uid-headers'],
    groupHeaders: values['requestheader-group-headers'],
    extraHeaderPrefixes: values['requestheader-extra-headers-prefix'],
  };
}

async function configurationFile(
  values: Values,
  given: ReadonlySet<string>,
  ownIssuer: string,
): Promise<AuthenticationOptions['file']> {
  const flag = 'authentication-config';
  const path = values[flag];
  if (path === '') return undefined;
  for (const name of Object.keys(authenticationFlags))
    if (name.startsWith('oidc-') && given.has(name))
      throw new UsageError(`--${flag} and --${name} are mutually exclusive`);
  const text = (await readNamed(flag, path)).toString();
  try {
    const configuration = parseAuthenticationConfiguration(text, ownIssuer);
    if (configuration.anonymous !== undefined && given.has('anonymous-auth'))
      throw new Error('anonymous: Invalid value: --anonymous-auth must not be set when it is');
    return { path, hash: hashOf(text), configuration };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--${flag}: ${path}: ${reason}`, { cause: error });
  }
}

function webhookOptions(values: Values): AuthenticationOptions['webhook'] {
  const kubeconfig = values['authentication-token-webhook-config-file'];
  if (kubeconfig === '') return undefined;
  const flag = 'authentication-token-webhook-version';
  const version = reviewVersions.find((known) => known === values[flag]);
  if (version === undefined)
    throw new UsageError(`--${flag}: "${values[flag]}" is neither ${reviewVersions.join(' nor ')}`);
  return { kubeconfig, version, cacheMs: values['authentication-token-webhook-cache-ttl'] };
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

async function oidcProvider(values: Values): Promise<JwtProvider | undefined> {
  const issuer = values['oidc-issuer-url'];
  const clientId = values['oidc-client-id'];
  if ((issuer === '') !== (clientId === ''))
    throw new UsageError('--oidc-issuer-url and --oidc-client-id must be specified together');
  if (issuer === '') return undefined;
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:')
    throw new UsageError(`--oidc-issuer-url: "${issuer}" is not an https URL`);
  for (const name of values['oidc-signing-algs'])
    if (!jwtAlgorithms.includes(name))
      throw new UsageError(`--oidc-signing-algs: "${name}" is none of ${jwtAlgorithms.join(', ')}`);
  const ca = values['oidc-ca-file'];
  return providerOfFlags(
    {
      issuer,
      clientId,
      usernameClaim: values['oidc-username-claim'],
      usernamePrefix: values['oidc-username-prefix'],
      groupsClaim: values['oidc-groups-claim'],
      groupsPrefix: values['oidc-groups-prefix'],
      requiredClaims: new Map(values['oidc-required-claim'].map(requiredClaim)),
      signingAlgorithms: values['oidc-signing-algs'],
    },
    ca === '' ? undefined : await readNamed('oidc-ca-file', ca),
  );
}

/** `ca` is the authority of the provider's certificate; undefined: the public ones. */
export function providerOfFlags(options: OidcOptions, ca: Buffer | undefined): JwtProvider {
  return {
    issuer: options.issuer,
    audiences: [options.clientId],
    signingAlgorithms: options.signingAlgorithms,
    ca,
    userOf: (claims) => userOf(claims, options),
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
