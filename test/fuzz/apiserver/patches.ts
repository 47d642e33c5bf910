/** Patches of every form, and what they are made of. */
import type { ApiObject } from '@timonier/api/decode';
import type { Random } from '../../simulation/random.ts';
import { hostileText, hostileTree, mutated } from './values.ts';

export const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

export function operations(random: Random, object: ApiObject): unknown {
  if (random.chance(0.1))
    // Each copy doubles the object.
    return Array.from({ length: random.below(200) }, () => ({
      op: 'copy',
      from: '/metadata',
      path: '/metadata/annotations',
    }));
  const pointers = [
    '',
    '/',
    '/metadata',
    '/metadata/labels',
    '/spec',
    '/spec/-',
    '/data/a',
    '/__proto__/x',
    '/~2',
    '/metadata/annotations/a~1b',
    '/spec/template/spec/containers/99999999999',
    '/constructor/prototype/polluted',
  ];
  return Array.from({ length: random.chance(0.02) ? 10_001 : random.below(6) }, () =>
    mutated(
      random,
      {
        op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'toString']),
        path: random.pick(pointers),
        from: random.pick(pointers),
        value: random.chance(0.5) ? object.metadata : hostileTree(random),
      },
      random.chance(0.2) ? 1 : 0,
    ),
  );
}

/** What appliers are said to own: nearly right, absurd, and deep. */
export function managedFields(random: Random): unknown {
  if (random.chance(0.1)) return hostileTree(random);
  return Array.from({ length: random.chance(0.02) ? random.below(2_000) : random.below(4) }, () =>
    mutated(
      random,
      {
        manager: random.pick(['fuzz', 'kubectl', '', hostileText(random).slice(0, 200)]),
        operation: random.pick(['Apply', 'Apply', 'Update', hostileText(random).slice(0, 50)]),
        apiVersion: random.pick(['v1', 'apps/v1', 'x/v9', hostileText(random).slice(0, 50)]),
        time: random.pick(['2026-01-01T00:00:00Z', hostileText(random).slice(0, 50)]),
        fieldsType: random.pick(['FieldsV1', 'FieldsV1', 'FieldsV9']),
        ...(random.chance(0.2)
          ? { subresource: random.pick(['status', 'scale', hostileText(random).slice(0, 50)]) }
          : {}),
        fieldsV1: fields(random, 0),
      },
      random.chance(0.3) ? 1 : 0,
    ),
  );
}

function fields(random: Random, depth: number): unknown {
  if (depth === 0 && random.chance(0.03)) {
    let deep: object = {};
    for (let i = random.below(300); i > 0; i--) deep = { 'f:spec': deep };
    return deep;
  }
  if (depth > 5) return {};
  const names = [
    '.',
    'f:metadata',
    'f:labels',
    'f:spec',
    'f:data',
    'f:a',
    'f:template',
    'f:containers',
    'f:finalizers',
    'f:__proto__',
    'k:{"name":"a"}',
    'k:{"containerPort":80,"protocol":"TCP"}',
    'k:{}',
    'k:[',
    'k:{"__proto__":1}',
    'v:"a"',
    'v:1e400',
    'v:',
    'i:0',
    'i:-1',
    'i:99999999999',
    'x:y',
    'f:',
    '',
  ];
  return Object.fromEntries(
    Array.from({ length: random.below(5) }, () => [
      random.pick(names),
      random.chance(0.05) ? hostileTree(random) : fields(random, depth + 1),
    ]),
  );
}
