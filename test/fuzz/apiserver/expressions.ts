/**
 * Expressions of CEL that cost more than they look, or that hardly are any, and the objects that carry them: definitions
 * with rules and policies. All are for kinds and namespaces of the fuzzer's own, so that they can be made for real and
 * are evaluated by the writes that come after.
 */
import type { Random } from '../../simulation/random.ts';
import { fuzzNamespaces } from './paths.ts';
import { hostileText } from './values.ts';

export const customGroup = 'fuzz.example.com';
const kinds = 4;

/** A plural name of one of the few custom kinds. */
export function customResource(random: Random): string {
  return `things${random.below(kinds)}`;
}

const lists = ['self.items', 'self.items', '[1, 2, 3]', 'self.tags', "self.text.split('')"] as const;
const texts = [
  'self.text',
  "'a'",
  "self.text.replace('', self.text)",
  '[self.text, self.text].join(self.text)',
  "'%s%s'.format([self.text, self.text])",
  'self.text.substring(-1)',
  'string(self.count)',
  'self.text.upperAscii().lowerAscii().trim()',
] as const;
const atoms = [
  'true',
  'x == x',
  "self.text.matches('(a+)+$')",
  "self.text.matches('(((((a*)*)*)*)*)*$')",
  'self.text.matches(self.text)',
  "self.text.find('[') == ''",
  '9223372036854775807 + 1 > 0',
  '-9223372036854775808 / -1 > 0',
  '1 / 0 == 1',
  '5 % 0 == 1',
  'self.count * self.count * self.count > 0',
  'double(self.count) / 0.0 > 1.0',
  "duration('999999999h') > duration('1ns')",
  "timestamp('9999-12-31T23:59:59Z') + duration('8760h') > timestamp('0001-01-01T00:00:00Z')",
  "quantity(self.text).isGreaterThan(quantity('1e999'))",
  "isURL(self.text) && url(self.text).getHost() == ''",
  'ip(self.text).family() == 4',
  "cidr('0.0.0.0/0').containsIP(self.text)",
  'self.items.sum() > self.items.max()',
  'self.items.isSorted() && self.items.indexOf(1) == 0',
  'semver(self.text).major() > 0',
  'oldSelf == self',
  'has(self.missing)',
  'self.missing == self.__proto__',
  "self['constructor'] == 1",
  'type(self) == type(type(self))',
  'optional.of(self).hasValue()',
  'dyn(self) == dyn(1)',
  "object.metadata.name == 'a'",
  'variables.v == variables.v',
  'request.userInfo.username.size() > 0',
  "authorizer.path('/x').check('get').allowed()",
] as const;

/** Text of an expression; nested up to `depth` further. */
function hostileExpression(random: Random, depth = 1 + random.below(6)): string {
  if (depth <= 0) return random.pick(atoms);
  const inner = (): string => hostileExpression(random, depth - 1);
  switch (random.below(10)) {
    case 0:
      return `${random.pick(lists)}.all(x, ${inner()})`;
    case 1:
      return `${random.pick(lists)}.exists_one(x, ${inner()})`;
    case 2:
      return `${random.pick(lists)}.map(x, ${random.pick(lists)}.map(y, [x, y])).size() >= 0 && ${inner()}`;
    case 3:
      return `${random.pick(lists)}.filter(x, ${inner()}).size() < 3`;
    case 4:
      return `(${inner()} ? ${inner()} : ${inner()})`;
    case 5:
      return `${random.pick(texts)} + ${random.pick(texts)} != ${random.pick(texts)}`;
    case 6:
      return `${'!'.repeat(random.below(3_000))}(${inner()})`;
    case 7:
      return `${'('.repeat(random.below(2_000))}${inner()}`;
    case 8:
      return Array.from({ length: 1 + random.below(300) }, () => random.pick(atoms)).join(
        random.pick([' && ', ' || ', ' == ']),
      );
    default:
      return random.chance(0.2) ? hostileText(random) : inner();
  }
}

/** A definition of one of the custom kinds, with rules at the root and in lists. */
export function definition(random: Random, plural: string): object {
  const rules = (count: number): object[] =>
    Array.from({ length: random.below(count + 1) }, () => ({
      rule: hostileExpression(random),
      ...(random.chance(0.3) ? { messageExpression: hostileExpression(random) } : {}),
      ...(random.chance(0.1) ? { fieldPath: hostileText(random) } : {}),
      ...(random.chance(0.1) ? { optionalOldSelf: true } : {}),
    }));
  const bounded = random.chance(0.8);
  const limit = (name: string): object => (bounded ? { [name]: random.pick([1, 10, 1_000]) } : {});
  const schema = {
    type: 'object',
    'x-kubernetes-validations': rules(2),
    properties: {
      text: {
        type: 'string',
        ...limit('maxLength'),
        ...(random.chance(0.2) ? { pattern: hostileText(random) } : {}),
      },
      count: { type: 'integer', 'x-kubernetes-validations': rules(1) },
      items: {
        type: 'array',
        ...limit('maxItems'),
        items: { type: 'integer', 'x-kubernetes-validations': rules(1) },
      },
      tags: { type: 'array', ...limit('maxItems'), items: { type: 'string', ...limit('maxLength') } },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${customGroup}` },
    spec: {
      group: customGroup,
      scope: 'Namespaced',
      names: { plural, singular: plural.slice(0, -1), kind, listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...(random.chance(0.3) ? { subresources: { status: {} } } : {}),
          ...(random.chance(0.3)
            ? {
                additionalPrinterColumns: [
                  { name: 'A', type: 'string', jsonPath: random.pick(['.text', hostileText(random)]) },
                ],
              }
            : {}),
        },
      ],
    },
  };
}

/** An object of a custom kind that the rules have work with. */
export function customObject(random: Random, plural: string, name: string): object {
  const length = random.pick([0, 1, 10, 1_000]);
  return {
    apiVersion: `${customGroup}/v1`,
    kind: plural.charAt(0).toUpperCase() + plural.slice(1),
    metadata: { name },
    text: random.pick([hostileText(random), 'a'.repeat(length), `${'a'.repeat(length)}!`]),
    count: random.pick([0, -1, 2 ** 40, 9_007_199_254_740_991]),
    items: Array.from({ length }, (_, i) => i),
    tags: Array.from({ length: random.below(50) }, () => hostileText(random).slice(0, 50)),
    free: { a: hostileText(random) },
  };
}

/** A policy for ConfigMaps of the fuzzer's namespaces, or what binds it. */
export function policy(random: Random, name: string): object {
  if (random.chance(0.3))
    return {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: random.pick([['Deny'], ['Warn', 'Audit'], []]),
        matchResources: {
          namespaceSelector: {
            matchExpressions: [
              { key: 'kubernetes.io/metadata.name', operator: 'In', values: fuzzNamespaces },
            ],
          },
        },
      },
    };
  const expressions = (): object[] =>
    Array.from({ length: 1 + random.below(3) }, (_, i) => ({
      name: `v${i}`,
      expression: ofObject(hostileExpression(random)),
    }));
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: random.pick(['Ignore', 'Fail']),
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            resources: ['configmaps'],
            operations: ['CREATE', 'UPDATE'],
          },
        ],
      },
      variables: expressions(),
      matchConditions: random.chance(0.3) ? expressions() : [],
      validations: [{ expression: ofObject(hostileExpression(random)) }],
      auditAnnotations: random.chance(0.2)
        ? [{ key: 'a', valueExpression: ofObject(random.pick(texts)) }]
        : [],
    },
  };
}

/** The same of a ConfigMap: one of its data for the text, the keys of all for the lists. */
function ofObject(expression: string): string {
  return expression
    .replaceAll('self.text', "object.data['a']")
    .replaceAll(/self\.(?:items|tags)/g, 'object.data')
    .replaceAll('self.count', 'size(object.metadata.name)')
    .replaceAll('self', 'object');
}
