import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '@timonier/api';
import fc from 'fast-check';
import { missingRules, mostMissing } from './missing-rules.ts';
import { matchesPath } from './rules.ts';

const values = (...all: string[]): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...all), { maxLength: 3 });
const rule: fc.Arbitrary<PolicyRule> = fc.record(
  {
    verbs: values('get', 'list', '*'),
    apiGroups: values('', 'apps', '*'),
    resources: values('pods', 'pods/log', 'scale', '*/scale', 'pods/scale', 'pods/', '*'),
    resourceNames: values('a', 'b', '*'),
    nonResourceURLs: values('/metrics', '/metrics/*', '/metrics/slis', '*'),
  },
  { requiredKeys: ['verbs'], noNullPrototype: true },
);
const rules = fc.array(rule, { maxLength: 4 });

/** Every verb with every thing, each asked about alone. */
function naive(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(singles).filter((single) => !owned.some((one) => covers(one, single)));
}

function singles({
  verbs,
  nonResourceURLs = [],
  apiGroups = [],
  resources = [],
  resourceNames = [],
}: PolicyRule): PolicyRule[] {
  return verbs.flatMap((verb): PolicyRule[] => [
    ...nonResourceURLs.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })),
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) => {
        const one = { verbs: [verb], apiGroups: [group], resources: [resource] };
        return resourceNames.length === 0
          ? [one]
          : resourceNames.map((name) => ({ ...one, resourceNames: [name] }));
      }),
    ),
  ]);
}

function covers(owned: PolicyRule, single: PolicyRule): boolean {
  const has = (list: readonly string[] = [], value = ''): boolean =>
    list.includes('*') || list.includes(value);
  if (!has(owned.verbs, single.verbs[0])) return false;
  const [url] = single.nonResourceURLs ?? [];
  if (url !== undefined) return (owned.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, url));
  if (!has(owned.apiGroups, single.apiGroups?.[0])) return false;
  const [main = '', sub = ''] = (single.resources?.[0] ?? '').split('/');
  if (!has(owned.resources, sub === '' ? main : `${main}/${sub}`))
    if (sub === '' || owned.resources?.includes(`*/${sub}`) !== true) return false;
  const names = owned.resourceNames ?? [];
  return names.length === 0 || names.includes(single.resourceNames?.[0] ?? ' ');
}

test('what is missing is what is missing when each permission is asked about alone', () => {
  fc.assert(
    fc.property(rules, rules, (owned, wanted) => {
      assert.deepEqual(missingRules(owned, wanted), naive(owned, wanted));
    }),
    { numRuns: 1_000 },
  );
});

const many = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}${i}`);
/** A body of 100 kB, and more permissions than anything can count. */
const vast: PolicyRule = {
  verbs: many('v', 2_000),
  apiGroups: many('g', 2_000),
  resources: many('r', 2_000),
  resourceNames: many('n', 2_000),
};

test('a rule with thousands of everything is judged without its permissions being counted', () => {
  const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
  assert.equal(missingRules(everything, [vast]).length, 0);
  assert.equal(
    missingRules([{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }], [vast]).length,
    mostMissing,
  );
  const [last] = missingRules(
    [{ ...vast, verbs: vast.verbs.slice(1) }],
    [{ ...vast, apiGroups: ['g1'], resources: ['r1'], resourceNames: ['n1'] }],
  );
  assert.deepEqual(last, { verbs: ['v0'], apiGroups: ['g1'], resources: ['r1'], resourceNames: ['n1'] });
});

/** A rule of that many verbs and groups, and others that each hold one verb or one group of it. */
function inParts(count: number): { readonly parts: readonly PolicyRule[]; readonly wanted: PolicyRule } {
  const [verbs, apiGroups] = [many('v', count), many('g', count)];
  const parts = [
    ...verbs.map((verb) => ({ verbs: [verb], apiGroups: ['*'], resources: ['*'] })),
    ...apiGroups.map((group) => ({ verbs: ['*'], apiGroups: [group], resources: ['*'] })),
  ];
  return { parts, wanted: { verbs, apiGroups, resources: ['r'] } };
}

test('many rules that each hold a part hold a rule together', () => {
  const { parts, wanted } = inParts(2_000);
  assert.deepEqual(missingRules(parts, [wanted]), []);
  assert.deepEqual(missingRules(parts.slice(0, -1), [wanted]), []);
  const [groupsAlone, verb] = [parts.slice(2_000, -1), wanted.verbs.slice(0, 1)];
  const lacking = { verbs: verb, apiGroups: ['g1999'], resources: ['r'] };
  assert.deepEqual(missingRules(groupsAlone, [{ ...wanted, verbs: verb }]), [lacking]);
  // As roles are made that list what there is, group by group.
  const byGroup = many('g', 500).map((group) => ({
    verbs: many('v', 8),
    apiGroups: [group],
    resources: many('r', 300),
  }));
  const all = { verbs: many('v', 8), apiGroups: many('g', 500), resources: many('r', 300) };
  assert.deepEqual(missingRules(byGroup, [all]), []);
  const byPair = many('v', 8).flatMap((one) => byGroup.map((rule) => ({ ...rule, verbs: [one] })));
  assert.deepEqual(missingRules(byPair, [all]), []);
});

/** Rules that each hold half of everything, in ways that have nothing to do with each other. */
function halves(count: number, size: number): { readonly parts: PolicyRule[]; readonly wanted: PolicyRule } {
  const lists = ['v', 'g', 'r'].map((name) => many(name, size));
  let state = 1;
  const isIn = (): boolean => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % 256 < 128;
  };
  const rule = (of: (list: string[]) => string[]): PolicyRule => {
    const [verbs = [], apiGroups = [], resources = []] = lists.map(of);
    return { verbs, apiGroups, resources };
  };
  return {
    parts: Array.from({ length: count }, () => rule((list) => list.filter(isIn))),
    wanted: rule((list) => list),
  };
}

test('a rule that too many others have a part of in too many ways is missing as a whole', () => {
  const { parts, wanted } = halves(2_000, 120);
  assert.ok(missingRules(parts, [wanted])[0] === wanted);
  // Whatever one of the others holds is decided all the same.
  assert.deepEqual(missingRules([...parts, wanted], [wanted]), []);
});

test('many rules together are looked at no more often than one', () => {
  const { parts, wanted } = halves(2_000, 120);
  const held = parts[0] ?? wanted;
  const missing = missingRules(parts, [wanted, held, wanted, wanted]);
  assert.equal(missing.length, 3);
  assert.ok(missing.every((rule) => rule === wanted));
});
