/**
 * The stages that say who sends a request, as whom, and whether they may: authenticate → audit → impersonate, and later
 * authorize. Both are measured, and what they find is recorded.
 */
import { StatusError } from '@timonier/api/statuses';
import type { Auditor } from '../audit/auditor.ts';
import type { RequestAuthenticator } from '../authentication/request-authenticator.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { JudgingServer } from '../request-context.ts';
import type { User } from './authenticate.ts';
import { authorize } from './authorize.ts';
import { wantedIdentity } from './impersonate.ts';
import { impersonate } from './impersonation-modes.ts';

const authorizationResults = { allow: 'allowed', deny: 'denied', noOpinion: 'no-opinion' } as const;

export interface IdentifierOptions {
  readonly server: JudgingServer;
  /** Undefined: nothing is recorded. */
  readonly auditor: Auditor | undefined;
  readonly authenticator: RequestAuthenticator;
}

export class Identifier {
  readonly #options: IdentifierOptions;
  readonly #isIdentity = (name: string): boolean => this.#options.authenticator.isIdentity(name);

  constructor(options: IdentifierOptions) {
    this.#options = options;
  }

  /** Who asks, or as whom. Begins the record of the request. Rejects with 401 and 403. */
  async identify(exchange: Exchange, info: RequestInfo, isLong: boolean): Promise<User> {
    const { authorizer } = this.#options.server;
    const actual = await this.#authenticate(exchange, info);
    exchange.audit = this.#options.auditor?.begin(exchange, actual, info, isLong);
    const wanted = wantedIdentity(exchange.request.rawHeaders);
    if (wanted === undefined) return actual;
    const given = await impersonate(authorizer, actual, wanted, info);
    exchange.audit?.impersonated(given);
    return given.user;
  }

  async #authenticate(exchange: Exchange, info: RequestInfo): Promise<User> {
    const { authenticator, auditor, server } = this.#options;
    const { identity } = server.metrics;
    const since = performance.now();
    exchange.isIdentity = this.#isIdentity;
    try {
      const given = authenticator.authenticate(exchange.request, info.path);
      const user = given instanceof Promise ? await given : given;
      identity.authentication.observe('success', performance.now() - since);
      if (authenticator.ignoresToken(exchange.request))
        exchange.warn(
          'the provided Authorization header contains extra space before the bearer token, and is ignored',
        );
      const end = authenticator.certificateEnd(exchange.request);
      if (end !== undefined) identity.usedCertificate(end);
      return user;
    } catch (error) {
      const result = error instanceof StatusError ? 'failure' : 'error';
      identity.authentication.observe(result, performance.now() - since);
      auditor?.refused(exchange, info, authenticator.attemptsOf(exchange.request));
      throw error;
    }
  }

  /** Rejects with 403. */
  authorize(exchange: Exchange, user: User, info: RequestInfo): Promise<void> {
    const { authorizer, metrics } = this.#options.server;
    const since = performance.now();
    return authorize(authorizer, user, info, ({ verdict, reason }) => {
      metrics.identity.authorization.observe(authorizationResults[verdict], performance.now() - since);
      exchange.audit?.annotate('authorization.k8s.io/decision', verdict === 'allow' ? 'allow' : 'forbid');
      exchange.audit?.annotate('authorization.k8s.io/reason', reason);
    });
  }
}
