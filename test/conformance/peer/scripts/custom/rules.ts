/** CEL rules of every sort on new objects and on changes. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { shown } from '../../mutations.ts';
import { withSortedCauses } from './causes.ts';
import { pathOf, shapes } from './definitions.ts';

const specs: readonly Record<string, unknown>[] = [
  {},
  { min: 1, max: 2 },
  { min: 2, max: 1 },
  { min: 7 },
  { min: 7, name: 'x8' },
  { name: 'y' },
  { name: 'y', min: 2, max: 1 },
  { name: 1 },
  { name: null },
  { fixed: 'a' },
  { once: 'first' },
  { once: 'other' },
  { list: [1, 2] },
  { list: [0, 2, -1] },
  { list: [100] },
  { list: [0, 100] },
  { list: ['x'] },
  { map: { a: 1 } },
  { map: { a: 0, b: -1 } },
  { map: { bad: 1 } },
  { map: { 'no key!': 0 } },
  { keyed: [{ name: 'a', value: 1 }] },
  {
    keyed: [
      { name: 'a', value: 1 },
      { name: 'a', value: 2 },
    ],
  },
  { port: 1 },
  { port: 0 },
  { port: 'http' },
  { time: '2021-01-01T00:00:00Z' },
  { time: '2019-01-01T00:00:00Z' },
  { time: 'x' },
  { wait: '30m' },
  { wait: '2h' },
  { wait: 'x' },
  { divided: 1 },
  { divided: 0 },
  { divided: 100 },
  { index: [1, 2, 3] },
  { index: [1] },
  { index: [1, 2, 0] },
  { quantity: '2Gi' },
  { quantity: '1Gi' },
  { quantity: 'x' },
  { address: '10.0.0.1' },
  { address: '::1' },
  { address: 'x' },
  { required: {} },
  { required: { a: 'x' } },
  { required: { a: 'x', 'b-c': 0 } },
  { required: { a: 'x', namespace: 'kube-system' } },
  { required: { 'b-c': 0, namespace: 'kube-system' } },
  { duplicate: 'once' },
  { duplicate: 'twice' },
  { computed: 1 },
  { computed: 11 },
  { computed: 13 },
  { computed: 14 },
];

const before = {
  max: 9,
  fixed: 'a',
  once: 'first',
  list: [1, 2],
  map: { a: 1 },
  keyed: [
    { name: 'a', value: 5 },
    { name: 'b', value: 5 },
  ],
};

const changes: readonly Record<string, unknown>[] = [
  {},
  { max: null },
  { max: 8 },
  { min: 10 },
  { fixed: 'b' },
  { fixed: null },
  { once: 'first' },
  { once: 'second' },
  { once: null },
  { list: [1, 0] },
  { list: null },
  { map: { a: 0 } },
  { map: { bad: 1 } },
  {
    keyed: [
      { name: 'b', value: 4 },
      { name: 'a', value: 6 },
    ],
  },
  {
    keyed: [
      { name: 'a', value: 4 },
      { name: 'c', value: 1 },
    ],
  },
  { keyed: [{ name: 'a' }] },
  { keyed: null },
];

export async function ruleScript(comparison: Comparison): Promise<void> {
  const path = pathOf(shapes.rule);
  const head = { apiVersion: 'custom.example.com/v1', kind: 'Rule' };
  const create = (body: object): SidedCall => ({ method: 'POST', path: `${path}?dryRun=All`, body });
  const calls: { title: string; call: SidedCall }[] = specs.map((spec) => ({
    title: shown(spec),
    call: create({ ...head, metadata: { name: 'rule' }, spec }),
  }));
  calls.push({ title: 'another name', call: create({ ...head, metadata: { name: 'other' }, spec: {} }) });
  calls.push({ title: 'no spec', call: create({ ...head, metadata: { name: 'rule' } }) });
  await comparison.all(calls, withSortedCauses);
  await comparison.compare('an object', {
    method: 'POST',
    path,
    body: { ...head, metadata: { name: 'rule' }, spec: before },
  });
  for (const spec of changes)
    await comparison.compare(
      `change ${shown(spec)}`,
      {
        method: 'PATCH',
        path: `${path}/rule?dryRun=All`,
        body: { spec },
        headers: { 'content-type': 'application/merge-patch+json' },
      },
      withSortedCauses,
    );
  for (const spec of changes)
    await comparison.compare(
      `apply ${shown(spec)}`,
      {
        method: 'PATCH',
        path: `${path}/rule?dryRun=All&fieldManager=applier&force=true`,
        body: { ...head, metadata: { name: 'rule' }, spec },
        headers: { 'content-type': 'application/apply-patch+yaml' },
      },
      withSortedCauses,
    );
}
