/**
 * Whether some rules of RBAC together allow all that others do, and what is missing. A rule is every one of its verbs with
 * every one of its things, so that a short text can be more permissions than can be counted. Those that the same rules
 * allow are alike: a verb, a group, a resource or a name that no rule knows is decided once for all of its kind.
 *
 * Pure. Source: the escalation check of Kubernetes' RBAC.
 */
import type { PolicyRule } from '@timonier/api';
import { matchesPath } from './rules.ts';

/** So many permissions are listed: whoever lacks more is refused all the same. */
export const mostMissing = 10_000;
/** Once so many looks were needed, each rule that no single one allows is taken for missing as a whole. */
const mostLooks = 100_000;

/** One bit for each rule that allows it. */
type Holders = bigint;

/**
 * The single permissions of `wanted` that `owned` do not hold, the first `most` of them, each as a rule with one verb and
 * one thing.
 */
export function missingRules(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
  most = mostMissing,
): PolicyRule[] {
  const held = new Held(owned);
  const looks = { left: mostLooks };
  const out: PolicyRule[] = [];
  for (const rule of wanted) {
    if (out.length >= most) break;
    for (const one of missingOf(held, rule, most - out.length, looks)) out.push(one);
  }
  return out;
}

function missingOf(held: Held, rule: PolicyRule, most: number, looks: { left: number }): PolicyRule[] {
  const verbs = alike(rule.verbs, (verb) => held.verb(verb));
  const urls = alike(rule.nonResourceURLs ?? [], (url) => held.url(url));
  const groups = alike(rule.apiGroups ?? [], (group) => held.group(group));
  const resources = alike(rule.resources ?? [], (resource) => held.resource(resource));
  const isNamed = (rule.resourceNames ?? []).length > 0;
  const names = isNamed
    ? alike(rule.resourceNames ?? [], (name) => held.name(name))
    : [{ holders: held.unnamed, members: [{ value: '', at: 0 }] }];
  const found: { readonly order: readonly number[]; readonly rule: PolicyRule }[] = [];
  const missing = (
    ways: readonly (readonly Alike[])[],
    made: (values: readonly string[]) => PolicyRule,
  ): boolean =>
    isHeldByOne(ways) ||
    combinations(ways, (classes, holders) => {
      if (looks.left === 0) return false;
      looks.left--;
      if (holders !== 0n) return true;
      for (const members of products(classes.map((one) => one.members))) {
        if (found.length >= most) return false;
        found.push({ order: members.map(({ at }) => at), rule: made(members.map(({ value }) => value)) });
      }
      return true;
    });
  const isDone =
    missing([verbs, urls], ([verb = '', url = '']) => ({ verbs: [verb], nonResourceURLs: [url] })) &&
    missing([verbs, groups, resources, names], ([verb = '', group = '', resource = '', name = '']) => ({
      verbs: [verb],
      apiGroups: [group],
      resources: [resource],
      ...(isNamed ? { resourceNames: [name] } : {}),
    }));
  if (!isDone && found.length < most) return [rule];
  // As they come when each is asked about in turn: by verb, paths before resources.
  return found.sort((a, b) => byOrder(a.order, b.order)).map((one) => one.rule);
}

function byOrder(a: readonly number[], b: readonly number[]): number {
  const [verb, other] = [a[0] ?? 0, b[0] ?? 0];
  if (verb !== other) return verb - other;
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 1; i < a.length; i++) if (a[i] !== b[i]) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
}

interface Member {
  readonly value: string;
  /** In which place it was first wanted. */
  readonly at: number;
}

interface Alike {
  readonly holders: Holders;
  readonly members: readonly Member[];
}

/** Values by the rules that hold them; each once. */
function alike(values: readonly string[], holdersOf: (value: string) => Holders): readonly Alike[] {
  const byHolders = new Map<Holders, Member[]>();
  for (const [at, value] of [...new Set(values)].entries()) {
    const holders = holdersOf(value);
    const members = byHolders.get(holders);
    if (members === undefined) byHolders.set(holders, [{ value, at }]);
    else members.push({ value, at });
  }
  return [...byHolders].map(([holders, members]) => ({ holders, members }));
}

/** Whether one rule holds every choice, as is so of most that may be given away: that needs no look at any of them. */
function isHeldByOne(ways: readonly (readonly Alike[])[]): boolean {
  return ways.flat().reduce((all, { holders }) => all & holders, -1n) !== 0n;
}

/** Calls for every choice of one of each, with the rules that hold all of them, until told to stop. */
function combinations(
  ways: readonly (readonly Alike[])[],
  visit: (classes: readonly Alike[], holders: Holders) => boolean,
): boolean {
  const chosen: Alike[] = [];
  const choose = (holders: Holders): boolean => {
    const way = ways[chosen.length];
    if (way === undefined) return visit(chosen, holders);
    for (const one of way) {
      chosen.push(one);
      const goesOn = choose(holders & one.holders);
      chosen.pop();
      if (!goesOn) return false;
    }
    return true;
  };
  return choose(-1n);
}

/** Every choice of one member of each list, made when it is asked for. */
function* products(
  lists: readonly (readonly Member[])[],
  chosen: readonly Member[] = [],
): Generator<readonly Member[]> {
  const list = lists[chosen.length];
  if (list === undefined) yield chosen;
  else for (const one of list) yield* products(lists, [...chosen, one]);
}

/** Which of the owned rules allow a verb, a group, a resource, a name or a path, whatever else they ask for. */
class Held {
  readonly #verbs = new Listed();
  readonly #groups = new Listed();
  readonly #resources = new Listed();
  readonly #names = new Listed();
  readonly #urls = new Listed();
  /** Those that are for things of any name. */
  readonly unnamed: Holders;

  constructor(owned: readonly PolicyRule[]) {
    let unnamed = 0n;
    for (const [i, rule] of owned.entries()) {
      const bit = 1n << BigInt(i);
      this.#verbs.add(rule.verbs, bit);
      this.#groups.add(rule.apiGroups, bit);
      this.#resources.add(rule.resources, bit);
      this.#urls.add(rule.nonResourceURLs, bit);
      if ((rule.resourceNames ?? []).length === 0) unnamed |= bit;
      else this.#names.add(rule.resourceNames, bit);
    }
    this.unnamed = unnamed;
  }

  verb(verb: string): Holders {
    return this.#verbs.of('*') | this.#verbs.of(verb);
  }

  group(group: string): Holders {
    return this.#groups.of('*') | this.#groups.of(group);
  }

  resource(resource: string): Holders {
    const slash = resource.indexOf('/');
    const [main, sub] = slash < 0 ? [resource, ''] : [resource.slice(0, slash), resource.slice(slash + 1)];
    const own = this.#resources.of('*') | this.#resources.of(sub === '' ? main : resource);
    return sub === '' ? own : own | this.#resources.of(`*/${sub}`);
  }

  name(name: string): Holders {
    return this.unnamed | this.#names.of(name);
  }

  url(url: string): Holders {
    let holders = this.#urls.of(url);
    for (const [pattern, own] of this.#urls.open) if (matchesPath(pattern, url)) holders |= own;
    return holders;
  }
}

/** Values of one list of rules. */
class Listed {
  readonly #byValue = new Map<string, Holders>();
  /** Those that end with a star. */
  readonly open = new Map<string, Holders>();

  add(values: readonly string[] | undefined, bit: Holders): void {
    for (const value of values ?? []) {
      this.#byValue.set(value, this.of(value) | bit);
      if (value.endsWith('*')) this.open.set(value, this.of(value));
    }
  }

  of(value: string): Holders {
    return this.#byValue.get(value) ?? 0n;
  }
}
