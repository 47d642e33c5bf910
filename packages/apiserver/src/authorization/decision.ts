/** What an authorizer says about a question, and the interface that all of them share. Pure data. */
import type { PolicyRule } from '@timonier/api';
import type { RequestInfo } from '../http/request-info.ts';
import type { User } from '../pipeline/authenticate.ts';

/** `noOpinion`: the next authorizer is asked, and when there is none the answer is no. */
export type Verdict = 'allow' | 'deny' | 'noOpinion';

export interface Decision {
  readonly verdict: Verdict;
  /** For people and the audit log; may be empty. */
  readonly reason: string;
  /** What kept an authorizer from finding out. */
  readonly error?: string;
}

/** What is asked: a request's own, or what a review spells out. Without `resource` it is about `path`. */
export type Attributes = Omit<RequestInfo, 'served' | 'fieldSelector' | 'labelSelector'> & {
  readonly fieldSelector?: Selector;
  readonly labelSelector?: Selector;
};

/** A selector of a list, watch or deletecollection, as reviews carry it. */
export interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface Rules {
  readonly rules: readonly PolicyRule[];
  /** Why the rules are not all that the user may do; absent when they are. */
  readonly incomplete?: string;
}

export interface AuthorizerKind {
  /** Upstream's: `Node`, `RBAC`, `Webhook`, `AlwaysAllow` or `AlwaysDeny`. */
  readonly type: string;
  readonly name: string;
  /** At once, unless somebody outside has to be asked. Never rejects. */
  decide(user: User, attributes: Attributes): Decision | Promise<Decision>;
  rulesOf(user: User, namespace: string): Rules;
}

export const noOpinion: Decision = { verdict: 'noOpinion', reason: '' };
export const allowed: Decision = { verdict: 'allow', reason: '' };
