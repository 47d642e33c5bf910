/**
 * An authorizer outside of the server: it is sent a SubjectAccessReview and says yes, no, or nothing. Its answers are
 * remembered, yes and no each as long as is configured. Source: "Webhook Mode" of the Kubernetes documentation.
 */
import type { SubjectAccessReviewStatus } from '@timonier/api';
import { AnswerCache } from '../callouts/answer-cache.ts';
import type { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { Attributes, AuthorizerKind, Decision, Rules, Selector } from './decision.ts';
import { noOpinion } from './decision.ts';
import type { WebhookConditions } from './match-conditions.ts';
import { fieldRequirements, labelRequirements, type Understood } from './selectors.ts';

export interface WebhookAuthorizerOptions {
  readonly name: string;
  readonly client: Pick<KubeconfigClient, 'post'>;
  /** Of the reviews that are sent. */
  readonly version: 'v1' | 'v1beta1';
  /** Milliseconds; 0 remembers nothing. */
  readonly authorizedMs: number;
  readonly unauthorizedMs: number;
  readonly timeoutMs: number;
  /** What it means when the webhook cannot be asked. */
  readonly failureVerdict: 'noOpinion' | 'deny';
  readonly conditions: WebhookConditions;
  readonly now: () => number;
  /** `success`, `timeout`, `error`, or `fail_open` and `fail_closed` beside them. */
  readonly onEvaluated: (result: string) => void;
}

const maxRemembered = 8_192;
/** A question with more text than this is asked every time, so that nobody fills the memory. */
const maxKeyLength = 10_000;

export class WebhookAuthorizer implements AuthorizerKind {
  readonly type = 'Webhook';
  readonly name: string;
  readonly #options: WebhookAuthorizerOptions;
  readonly #answers: AnswerCache<Decision>;

  constructor(options: WebhookAuthorizerOptions) {
    this.#options = options;
    this.name = options.name;
    this.#answers = new AnswerCache(options.now, maxRemembered);
  }

  decide(user: User, attributes: Attributes): Decision | Promise<Decision> {
    const spec = specOf(user, attributes);
    try {
      if (!this.#options.conditions.match(spec)) return noOpinion;
    } catch (error) {
      return this.#failed(`match condition: ${messageOf(error)}`);
    }
    const key = JSON.stringify(spec);
    return this.#answers.get(key) ?? this.#ask(spec, key);
  }

  rulesOf(): Rules {
    return { rules: [], incomplete: 'webhook authorizer does not support user rule resolution' };
  }

  async #ask(spec: object, key: string): Promise<Decision> {
    const { client, version, timeoutMs, authorizedMs, unauthorizedMs, onEvaluated } = this.#options;
    const review = {
      apiVersion: `authorization.k8s.io/${version}`,
      kind: 'SubjectAccessReview',
      metadata: { creationTimestamp: null },
      spec: version === 'v1' ? spec : inBeta(spec),
    };
    let decision: Decision;
    try {
      decision = decisionOf(await client.post(JSON.stringify(review), { timeoutMs }));
    } catch (error) {
      const reason = messageOf(error);
      onEvaluated(reason.endsWith('deadline exceeded') ? 'timeout' : 'error');
      return this.#failed(reason);
    }
    onEvaluated('success');
    if (key.length <= maxKeyLength)
      this.#answers.set(key, decision, decision.verdict === 'allow' ? authorizedMs : unauthorizedMs);
    return decision;
  }

  #failed(error: string): Decision {
    const verdict = this.#options.failureVerdict;
    this.#options.onEvaluated(verdict === 'deny' ? 'fail_closed' : 'fail_open');
    return { verdict, reason: '', error };
  }
}

/** `groups` is `group` there. */
function inBeta(spec: object): object {
  const { groups, ...rest } = spec as { readonly groups?: unknown };
  return groups === undefined ? rest : { ...rest, group: groups };
}

function specOf(user: User, attributes: Attributes): object {
  const { name, uid, groups, extra } = user;
  const { verb, namespace, group, version, resource, subresource, path } = attributes;
  const what =
    resource === undefined
      ? { nonResourceAttributes: { path, verb } }
      : {
          resourceAttributes: {
            namespace,
            verb,
            group: group ?? '',
            version: version ?? '',
            resource,
            subresource,
            name: attributes.name,
            ...selection('fieldSelector', attributes.fieldSelector, fieldRequirements),
            ...selection('labelSelector', attributes.labelSelector, labelRequirements),
          },
        };
  return { ...what, user: name, groups, uid: uid ?? '', extra: extra ?? {} };
}

function selection(
  name: string,
  selector: Selector | undefined,
  understand: (selector: Selector | undefined) => Understood,
): object {
  const { requirements } = understand(selector);
  return requirements.length === 0 ? {} : { [name]: { requirements } };
}

/** Throws for what is no answer. */
export function decisionOf(review: unknown): Decision {
  const status = ((review ?? {}) as { status?: Partial<SubjectAccessReviewStatus> }).status;
  if (typeof status !== 'object') throw new Error('the webhook answered without a status');
  const { allowed, denied, reason = '', evaluationError = '' } = status;
  if (allowed === true && denied === true)
    throw new Error('webhook subject access review returned both allow and deny response');
  return {
    verdict: denied === true ? 'deny' : allowed === true ? 'allow' : 'noOpinion',
    reason: typeof reason === 'string' ? reason : '',
    ...(typeof evaluationError === 'string' && evaluationError !== '' ? { error: evaluationError } : {}),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
