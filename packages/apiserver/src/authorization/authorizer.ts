/**
 * Who may do what: administrators everything, and everybody else what the first authorizer says that has an opinion, in
 * the order in which they are configured. Health and version are open to everyone, whatever they say. The usual
 * authorizers answer at once; only one that asks outside makes a request wait. The list may be replaced at any time.
 */
import type { PolicyRule } from '@timonier/api';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { allowed, type Attributes, type AuthorizerKind, type Decision } from './decision.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { Rbac } from './rbac.ts';

/** The checks behind them, such as `/livez/ping`, are for those who may get their paths. */
const openPaths = /^\/(?:healthz|livez|readyz|version\/?)$/;
export type Observer = (authorizer: AuthorizerKind, decision: Decision) => void;

export class Authorizer {
  /** Also where roles are not asked: nobody may give away more than they say. */
  readonly rbac: Rbac;
  readonly node: NodeAuthorizer;
  #kinds: readonly AuthorizerKind[];
  readonly #observe: Observer;

  /** Node and RBAC, until something else is configured. */
  constructor(cache: WatchCache, root: string, observe: Observer = () => undefined) {
    this.rbac = new Rbac(cache);
    this.node = new NodeAuthorizer(cache, root);
    this.#kinds = [this.node, this.rbac];
    this.#observe = observe;
  }

  configure(kinds: readonly AuthorizerKind[]): void {
    this.#kinds = kinds;
  }

  decide(user: User, attributes: Attributes): Decision | Promise<Decision> {
    const { resource, verb, path } = attributes;
    if (resource === undefined && verb === 'get' && openPaths.test(path)) return allowed;
    if (user.groups.includes('system:masters')) return allowed;
    const reasons: string[] = [];
    const errors: string[] = [];
    const kinds = this.#kinds;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i] as AuthorizerKind;
      const answer = kind.decide(user, attributes);
      if (answer instanceof Promise)
        return this.#goOn(kinds, i, answer, user, attributes, { reasons, errors });
      if (this.#settles(kind, answer, reasons, errors)) return summary(answer.verdict, reasons, errors);
    }
    return summary('noOpinion', reasons, errors);
  }

  async allows(user: User, attributes: Attributes): Promise<boolean> {
    return (await this.decide(user, attributes)).verdict === 'allow';
  }

  /** All that rules say about a user in a namespace, and why that is not everything. */
  rulesOf(
    user: User,
    namespace: string,
  ): { readonly rules: readonly PolicyRule[]; readonly incomplete: readonly string[] } {
    const rules: PolicyRule[] = [];
    const incomplete: string[] = [];
    for (const kind of this.#kinds) {
      const own = kind.rulesOf(user, namespace);
      rules.push(...own.rules);
      if (own.incomplete !== undefined) incomplete.push(own.incomplete);
    }
    return { rules, incomplete };
  }

  async #goOn(
    kinds: readonly AuthorizerKind[],
    from: number,
    first: Promise<Decision>,
    user: User,
    attributes: Attributes,
    { reasons, errors }: { readonly reasons: string[]; readonly errors: string[] },
  ): Promise<Decision> {
    let answer = await first;
    for (let i = from; ;) {
      const kind = kinds[i];
      if (kind !== undefined && this.#settles(kind, answer, reasons, errors))
        return summary(answer.verdict, reasons, errors);
      const next = kinds[++i];
      if (next === undefined) return summary('noOpinion', reasons, errors);
      answer = await next.decide(user, attributes);
    }
  }

  #settles(kind: AuthorizerKind, decision: Decision, reasons: string[], errors: string[]): boolean {
    if (decision.error !== undefined) errors.push(decision.error);
    if (decision.reason !== '') reasons.push(decision.reason);
    if (decision.verdict === 'noOpinion') return false;
    // Who decides gives the reason; what others said before only explains a refusal.
    reasons.splice(0, reasons.length, decision.reason);
    this.#observe(kind, decision);
    return true;
  }
}

function summary(
  verdict: Decision['verdict'],
  reasons: readonly string[],
  errors: readonly string[],
): Decision {
  const reason = reasons.join('\n');
  return errors.length === 0 ? { verdict, reason } : { verdict, reason, error: errors.join(', ') };
}
