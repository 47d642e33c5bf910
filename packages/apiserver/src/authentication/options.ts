/** From what the command line says about who asks to the parts that find out, which follow their file while they run. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { WatchCache } from '../cache/watch-cache.ts';
import { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import { followFile } from '../configuration/followed-file.ts';
import type { TokenAuthenticator } from '../tokens/token-authenticator.ts';
import { BootstrapTokens } from './bootstrap-tokens.ts';
import { type AuthenticationConfiguration, parseAuthenticationConfiguration } from './configuration.ts';
import { fetchJsonWith } from './fetch-json.ts';
import { type JwtProvider, JwtTokens } from './jwt.ts';
import {
  type AnonymousAccess,
  RequestAuthenticator,
  type RequestHeaderOptions,
} from './request-authenticator.ts';
import { TokenChain, type TokenKind } from './token-chain.ts';
import { TokenFile } from './token-file.ts';
import { type ReviewVersion, WebhookTokens } from './webhook.ts';

export interface AuthenticationOptions {
  /** Text of `--token-auth-file`. */
  readonly tokenFile?: string | undefined;
  readonly bootstrapTokens?: boolean;
  /** Providers of signed tokens that flags name. */
  readonly providers?: readonly JwtProvider[];
  readonly webhook?:
    | {
        /** Path of a kubeconfig. */
        readonly kubeconfig: string;
        readonly version: ReviewVersion;
        /** Milliseconds. */
        readonly cacheMs: number;
      }
    | undefined;
  /** Whether requests may come from nobody, where the file does not say; true by default. */
  readonly anonymous?: boolean;
  /** Instead of `providers`; followed. */
  readonly file?:
    | { readonly path: string; readonly hash: string; readonly configuration: AuthenticationConfiguration }
    | undefined;
}

interface Parts {
  readonly serviceAccounts: TokenAuthenticator | undefined;
  readonly cache: WatchCache;
  readonly root: string;
  /** Undefined: nobody is believed for a header. */
  readonly requestHeader: RequestHeaderOptions | undefined;
  readonly log: Pick<Logger, 'info' | 'error' | 'warn'>;
  readonly metrics: Registry;
}

export interface Authentication {
  readonly bearerTokens: TokenChain;
  readonly requests: RequestAuthenticator;
  stop(): void;
}

const usualAudience = 'https://kubernetes.default.svc.cluster.local';

/** Throws when a file that was named cannot be used. */
export function startAuthentication(
  options: AuthenticationOptions,
  { serviceAccounts, cache, root, requestHeader, log, metrics }: Parts,
): Authentication {
  const audience = serviceAccounts?.signer.issuer ?? usualAudience;
  const now = (): number => Date.now();
  const kinds: TokenKind[] = [];
  if (options.tokenFile !== undefined) kinds.push(new TokenFile(options.tokenFile, audience));
  if (serviceAccounts !== undefined) kinds.push(serviceAccounts);
  if (options.bootstrapTokens === true) kinds.push(new BootstrapTokens({ cache, root, now, audience }));
  const { webhook, file } = options;
  const signed = new JwtTokens();
  kinds.push(signed);
  const client = webhook && new KubeconfigClient(webhook.kubeconfig);
  if (webhook !== undefined && client !== undefined) {
    const onError = (error: unknown): void =>
      log.warn({ reason: String(error) }, 'the token webhook could not be asked');
    kinds.push(new WebhookTokens({ ...webhook, client, audience, now, onError }));
  }
  const bearerTokens = new TokenChain(kinds);
  const requests = new RequestAuthenticator(bearerTokens, requestHeader);
  const byFlag: AnonymousAccess = { enabled: options.anonymous ?? true };
  const take = ({ providers, anonymous }: AuthenticationConfiguration): void => {
    signed.configure(
      providers.map((provider) => ({ ...provider, fetchJson: fetchJsonWith(provider.ca), now, audience })),
    );
    requests.anonymous = anonymous ?? byFlag;
  };
  take(file?.configuration ?? { providers: options.providers ?? [], anonymous: undefined });
  const stopFollowing =
    file &&
    followFile({
      ...file,
      take: (text) => take(parseAuthenticationConfiguration(text, audience)),
      what: 'the authentication configuration',
      prefix: 'apiserver_authentication_config_controller',
      log,
      metrics,
    });
  return {
    bearerTokens,
    requests,
    stop: () => {
      stopFollowing?.();
      client?.close();
    },
  };
}
