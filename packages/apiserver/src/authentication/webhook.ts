/**
 * Bearer tokens that a service outside knows (`--authentication-token-webhook-config-file`): it is sent a TokenReview
 * and says whose token it is. Its answers are remembered for a while, by the token's digest: those that name somebody apart from
 * those that do not, so that no flood of invented tokens forgets what is known. What cannot be asked knows no token.
 * Source: "Webhook Token Authentication" of the Kubernetes documentation.
 */
import { createHash } from 'node:crypto';
import { StatusError, tooManyRequests } from '@timonier/api/statuses';
import { AnswerCache } from '../callouts/answer-cache.ts';
import type { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { TokenAnswer, TokenKind } from './token-chain.ts';

export const reviewVersions = ['v1', 'v1beta1'] as const;
export type ReviewVersion = (typeof reviewVersions)[number];

export interface WebhookTokenOptions {
  readonly client: Pick<KubeconfigClient, 'post'>;
  /** Of the reviews that are sent. */
  readonly version: ReviewVersion;
  /** Milliseconds; 0 asks every time. */
  readonly cacheMs: number;
  /** That of this API server. */
  readonly audience: string;
  readonly now: () => number;
  /** Told when the service could not be asked. */
  readonly onError: (error: unknown) => void;
}

const timeoutMs = 30_000;
const maxRemembered = 4_096;
const maxAsking = 256;

/** What the service said: the user, and the audiences it named, if any. */
interface Answer {
  readonly user: User | undefined;
  readonly audiences: readonly string[];
}

export class WebhookTokens implements TokenKind {
  readonly #options: WebhookTokenOptions;
  readonly #known: AnswerCache<Answer>;
  readonly #unknown: AnswerCache<Answer>;
  /** Questions under way: the same one is asked once. */
  readonly #asking = new Map<string, Promise<Answer | undefined>>();

  constructor(options: WebhookTokenOptions) {
    this.#options = options;
    this.#known = new AnswerCache(options.now, maxRemembered);
    this.#unknown = new AnswerCache(options.now, maxRemembered);
  }

  /** Throws 429 when too much is being asked already. */
  authenticate(
    token: string,
    audiences: readonly string[] = [this.#options.audience],
  ): TokenAnswer | Promise<TokenAnswer> {
    const key = createHash('sha256')
      .update(`${audiences.join('\0')}\0\0${token}`)
      .digest('base64');
    const known = this.#known.get(key) ?? this.#unknown.get(key);
    if (known !== undefined) return this.#answerFor(known, audiences);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      // Anybody can send tokens. Whose this one is was not asked: that there is no such user would be a lie.
      if (this.#asking.size >= maxAsking)
        throw new StatusError(tooManyRequests('too many tokens are being asked about', 1));
      asking = this.#ask(token, audiences, key).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return asking.then((answer) => answer && this.#answerFor(answer, audiences));
  }

  #answerFor({ user, audiences }: Answer, wanted: readonly string[]): TokenAnswer {
    // A service that says nothing about audiences speaks for this API server only.
    const given = audiences.length === 0 ? [this.#options.audience] : audiences;
    const shared = wanted.filter((audience) => given.includes(audience));
    return user === undefined || shared.length === 0 ? undefined : { user, audiences: shared };
  }

  async #ask(token: string, audiences: readonly string[], key: string): Promise<Answer | undefined> {
    const { client, version, cacheMs, onError } = this.#options;
    const review = {
      apiVersion: `authentication.k8s.io/${version}`,
      kind: 'TokenReview',
      metadata: { creationTimestamp: null },
      spec: { token, audiences },
    };
    try {
      const answer = answerOf(await client.post(JSON.stringify(review), { timeoutMs }));
      (answer.user === undefined ? this.#unknown : this.#known).set(key, answer, cacheMs);
      return answer;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }
}

interface Status {
  readonly authenticated?: unknown;
  readonly error?: unknown;
  readonly audiences?: unknown;
  readonly user?: { username?: unknown; uid?: unknown; groups?: unknown; extra?: unknown };
}

/** Throws for what is no answer, and for one that says that the service failed. */
export function answerOf(review: unknown): Answer {
  const status = ((review ?? {}) as { status?: Status }).status ?? {};
  if (status.authenticated !== true) {
    if (typeof status.error === 'string' && status.error !== '') throw new Error(status.error);
    return { user: undefined, audiences: [] };
  }
  const { username, uid, groups, extra } = status.user ?? {};
  if (typeof username !== 'string' || username === '')
    throw new Error('the webhook authenticated a token but named no user');
  return {
    user: {
      name: username,
      ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
      groups: [...new Set([...texts(groups), 'system:authenticated'])],
      ...(typeof extra === 'object' && extra !== null
        ? {
            extra: Object.fromEntries(
              Object.entries(extra).map(([key, values]) => [key.toLowerCase(), texts(values)]),
            ),
          }
        : {}),
    },
    audiences: texts(status.audiences),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
