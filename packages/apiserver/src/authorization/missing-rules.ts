/**
 * Whether some rules of RBAC together allow all that others do, and what is missing. A rule is every one of its verbs with
 * every one of its things, so that a short text can be more permissions than can be counted. Those that the same rules
 * allow are alike: a verb, a group, a resource or a name that no rule knows is decided once for all of its kind. Once a verb is
 * chosen only the rules that hold it are left, by which far more is alike, and often one of them holds all the rest.
 *
 * Pure. Source: the escalation check of Kubernetes' RBAC.
 */
import type { PolicyRule } from '@timonier/api';
import { matchesPath } from './rules.ts';

/** So many permissions are listed: whoever lacks more is refused all the same. */
export const mostMissing = 10_000;
/** Once so many classes were looked at, each rule that is not decided yet is taken for missing as a whole. */
const mostLooks = 1_000_000;
/** Sets of so many rules take about as long to compare as anything else that a look does. */
const rulesPerLook = 512;

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
  const looks = { left: mostLooks, each: 1 + Math.floor(owned.length / rulesPerLook) };
  const out: PolicyRule[] = [];
  for (const rule of wanted) {
    if (out.length >= most) break;
    for (const one of missingOf(held, rule, most - out.length, looks)) out.push(one);
  }
  return out;
}

interface Looks {
  left: number;
  readonly each: number;
}

function missingOf(held: Held, rule: PolicyRule, most: number, looks: Looks): PolicyRule[] {
  const verbs = alike(rule.verbs, (verb) => held.verb(verb));
  const urls = alike(rule.nonResourceURLs ?? [], (url) => held.url(url));
  const groups = alike(rule.apiGroups ?? [], (group) => held.group(group));
  const resources = alike(rule.resources ?? [], (resource) => held.resource(resource));
  const isNamed = (rule.resourceNames ?? []).length > 0;
  const names = isNamed
    ? alike(rule.resourceNames ?? [], (name) => held.name(name))
    : [{ holders: held.unnamed, members: [{ value: '', at: 0 }] }];
  const found: { readonly order: readonly number[]; readonly rule: PolicyRule }[] = [];
  const decided = (
    ways: readonly (readonly Alike[])[],
    made: (values: readonly string[]) => PolicyRule,
  ): boolean => {
    const search = new Search(looks, (classes) => {
      for (const members of products(classes)) {
        if (found.length >= most) return false;
        found.push({ order: members.map(({ at }) => at), rule: made(members.map(({ value }) => value)) });
      }
      return true;
    });
    return search.goesThrough(ways);
  };
  const isDone =
    decided([verbs, urls], ([verb = '', url = '']) => ({ verbs: [verb], nonResourceURLs: [url] })) &&
    decided([verbs, groups, resources, names], ([verb = '', group = '', resource = '', name = '']) => ({
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

/** One of the lists that a rule is made of: its place in the rule, and its values. */
interface Way {
  readonly place: number;
  readonly classes: readonly Alike[];
  /** Rules that hold every one of them. */
  readonly all: Holders;
}

/** Looks for choices of one value of each list that no rule holds. */
class Search {
  readonly #looks: Looks;
  readonly #missing: (members: readonly (readonly Member[])[]) => boolean;
  /** Rules that together hold all that is left of some lists, by the places of these. */
  readonly #holding = new Map<string, Set<Holders>>();

  /** `missing` hears of each set of choices that nobody holds, and says whether to go on. */
  constructor(looks: Looks, missing: (members: readonly (readonly Member[])[]) => boolean) {
    this.#looks = looks;
    this.#missing = missing;
  }

  /** False when it was told to stop, or had too much to look at. */
  goesThrough(ways: readonly (readonly Alike[])[]): boolean {
    if (ways.some((classes) => classes.length === 0)) return true;
    return this.#decide(
      -1n,
      ways.map((classes, place) => ({
        place,
        classes,
        all: classes.reduce((all, one) => all & one.holders, -1n),
      })),
      [],
    ).goesOn;
  }

  /** What the rules `holders`, which hold all that was chosen, have of the rest. */
  #decide(
    holders: Holders,
    left: readonly Way[],
    chosen: readonly (readonly Member[])[],
  ): { readonly goesOn: boolean; readonly isHeld: boolean } {
    if (holders === 0n) {
      const members = [...chosen];
      for (const { place, classes } of left) members[place] = classes.flatMap((one) => one.members);
      return { goesOn: this.#missing(members), isHeld: false };
    }
    const places = left.map(({ place }) => place).join();
    if (this.#holding.get(places)?.has(holders) === true) return { goesOn: true, isHeld: true };
    if (left.reduce((one, { all }) => one & all, holders) !== 0n) return { goesOn: true, isHeld: true };
    for (const { classes } of left) this.#looks.left -= classes.length * this.#looks.each;
    if (this.#looks.left < 0) return { goesOn: false, isHeld: false };
    const [first, ...others] = left
      .map(({ place, classes, all }) => ({ place, classes: among(classes, holders), all: all & holders }))
      .sort((a, b) => a.classes.length - b.classes.length);
    let isHeld = true;
    for (const next of first?.classes ?? []) {
      const members = [...chosen];
      members[first?.place ?? 0] = next.members;
      const found = this.#decide(next.holders, others, members);
      if (!found.goesOn) return found;
      isHeld &&= found.isHeld;
    }
    if (isHeld) {
      const known = this.#holding.get(places);
      if (known === undefined) this.#holding.set(places, new Set([holders]));
      else known.add(holders);
    }
    return { goesOn: true, isHeld };
  }
}

/** Values by those of some rules that hold them. */
function among(classes: readonly Alike[], rules: Holders): readonly Alike[] {
  if (classes.length === 1)
    return classes.map(({ holders, members }) => ({ holders: holders & rules, members }));
  const byHolders = new Map<Holders, Alike[]>();
  for (const one of classes) {
    const holders = one.holders & rules;
    const others = byHolders.get(holders);
    if (others === undefined) byHolders.set(holders, [one]);
    else others.push(one);
  }
  return [...byHolders].map(([holders, all]) => ({
    holders,
    members: all.flatMap(({ members }) => members),
  }));
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
