/** Who owns fields, changed by hand: emptied, made wrong, handed over; and objects from before there were owners. */
import type { Comparison, Side, SidedCall } from '../../comparison.ts';
import { apps, configMap, core, get, inTurn, patch, post, put, template } from './world.ts';

type Json = Record<string, unknown>;

const path = `${core}/configmaps/managed`;
const entry = (more: Json = {}): Json => ({
  manager: 'by-hand',
  operation: 'Update',
  apiVersion: 'v1',
  time: '2026-01-02T03:04:05Z',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': { 'f:a': {} } },
  ...more,
});

const lists: Readonly<Record<string, unknown>> = {
  none: null,
  empty: [],
  'an empty entry': [{}],
  'two empty entries': [{}, {}],
  'a right one': [entry()],
  'a right one twice': [entry(), entry()],
  'an applier': [entry({ operation: 'Apply' })],
  'another operation': [entry({ operation: 'Create' })],
  'no operation': [entry({ operation: '' })],
  'no manager': [entry({ manager: '' })],
  'a long manager': [entry({ manager: 'm'.repeat(129) })],
  'an unprintable manager': [entry({ manager: 'a\u0007b' })],
  'another type of fields': [entry({ fieldsType: 'FieldsV2' })],
  'no type of fields': [entry({ fieldsType: '' })],
  'no fields': [entry({ fieldsV1: undefined })],
  'fields of nothing': [entry({ fieldsV1: {} })],
  'fields that are null': [entry({ fieldsV1: null })],
  'fields that are text': [entry({ fieldsV1: 'x' })],
  'fields that are a list': [entry({ fieldsV1: [] })],
  'fields without a mark': [entry({ fieldsV1: { data: {} } })],
  'fields with an unknown mark': [entry({ fieldsV1: { 'x:data': {} } })],
  'fields with a bad key': [entry({ fieldsV1: { 'f:data': { 'k:{"a": {}': {} } } })],
  'fields with a bad value': [entry({ fieldsV1: { 'f:data': { 'v:[': {} } } })],
  'fields with an index': [entry({ fieldsV1: { 'f:metadata': { 'f:finalizers': { 'i:0': {} } } } })],
  'fields that are not empty inside': [entry({ fieldsV1: { 'f:data': 1 } })],
  'fields that are not there': [entry({ fieldsV1: { 'f:data': { 'f:none': {} }, 'f:spec': {} } })],
  'the fields of an owner': [entry({ fieldsV1: { 'f:metadata': { 'f:managedFields': {} } } })],
  'a version that is unknown': [entry({ apiVersion: 'v7' })],
  'a version of another group': [entry({ apiVersion: 'apps/v1' })],
  'no version': [entry({ apiVersion: '' })],
  'no time': [entry({ time: undefined })],
  'a bad time': [entry({ time: 'x' })],
  'a subresource': [entry({ subresource: 'status' })],
  'a long subresource': [entry({ subresource: 's'.repeat(300) })],
  'text for a list': 'x',
  'an object for a list': {},
};

export async function managedFields(comparison: Comparison): Promise<void> {
  await comparison.both('made', post(`${core}/configmaps?fieldManager=maker`, configMap('managed')));
  await comparison.both(
    'applied',
    patch('apply', `${path}?fieldManager=applier`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'managed' },
      data: { b: 'c' },
    }),
  );
  const dry = 'dryRun=All&fieldManager=surgeon';
  for (const [what, managed] of Object.entries(lists)) {
    const changed = (side: Side, more: Json = {}): Json => ({
      ...side.saw('applied'),
      metadata: { ...side.saw('applied')?.metadata, managedFields: managed },
      ...more,
    });
    await comparison.compare(
      `created with ${what}`,
      post(`${core}/configmaps?${dry}`, {
        ...configMap('x'),
        metadata: { name: 'x', managedFields: managed },
      }),
    );
    await comparison.compare(`updated with ${what}`, (side) => put(`${path}?${dry}`, changed(side)));
    await comparison.compare(`updated with ${what} and a change`, (side) =>
      put(`${path}?${dry}`, changed(side, { data: { a: 'z' } })),
    );
    await comparison.compare(
      `patched with ${what}`,
      patch('merge', `${path}?${dry}`, { metadata: { managedFields: managed } }),
    );
    await comparison.compare(
      `applied with ${what}`,
      patch('apply', `${path}?${dry}`, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'managed', managedFields: managed },
      }),
    );
  }
  await inTurn(comparison, {
    'one owner removed': patch('json', `${path}?${dry}`, [
      { op: 'remove', path: '/metadata/managedFields/0' },
    ]),
    'all owners removed': patch('json', `${path}?${dry}`, [
      { op: 'remove', path: '/metadata/managedFields' },
    ]),
    'an owner renamed': patch('json', `${path}?${dry}`, [
      { op: 'replace', path: '/metadata/managedFields/0/manager', value: 'other' },
    ]),
    'owners by strategy': patch('strategic', `${path}?${dry}`, { metadata: { managedFields: [entry()] } }),
    'owners lost': patch('merge', `${path}?fieldManager=surgeon`, { metadata: { managedFields: [{}] } }),
    'after that': get(path),
    'a change without owners': patch('merge', `${path}?fieldManager=changer`, { data: { c: 'd' } }),
    'an apply without owners': patch('apply', `${path}?fieldManager=applier`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'managed' },
      data: { a: 'other' },
    }),
    'an apply by force': patch('apply', `${path}?fieldManager=applier&force=true`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'managed' },
      data: { a: 'other' },
    }),
  });
  await beforeOwners(comparison);
}

/** As kubectl goes from its own apply to the server's. */
async function beforeOwners(comparison: Comparison): Promise<void> {
  const at = `${apps}/deployments/migrated`;
  const body = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'migrated' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'x' } }, template: template() },
  };
  const annotated = {
    ...body,
    metadata: {
      name: 'migrated',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(body)}\n` },
    },
  };
  const applied = (title: string, query: string, more: Json = {}): Record<string, SidedCall> => ({
    [title]: patch('apply', `${at}?${query}`, { ...body, ...more }),
  });
  await inTurn(comparison, {
    'made by kubectl': post(`${apps}/deployments?fieldManager=kubectl-client-side-apply`, annotated),
    'scaled by another': patch('merge', `${at}/scale?fieldManager=scaler`, { spec: { replicas: 3 } }),
    ...applied('applied by kubectl', 'fieldManager=kubectl'),
    ...applied('applied by kubectl by force', 'fieldManager=kubectl&force=true'),
    ...applied('applied with fewer fields', 'fieldManager=kubectl', {
      spec: { selector: body.spec.selector, template: body.spec.template },
    }),
    'changed by kubectl as before': patch('strategic', `${at}?fieldManager=kubectl-client-side-apply`, {
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}\n' } },
      spec: { replicas: 4 },
    }),
    edited: patch('strategic', `${at}?fieldManager=kubectl-edit`, {
      spec: { template: { spec: { containers: [{ name: 'one', image: 'demo:2' }] } } },
    }),
    rolled: patch('strategic', `${at}?fieldManager=kubectl-rollout`, {
      spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } } },
    }),
    ...applied('applied by Helm', 'fieldManager=helm&force=true'),
    ...applied('applied by Argo CD', 'fieldManager=argocd-controller&force=true', {
      metadata: { name: 'migrated', labels: { 'app.kubernetes.io/instance': 'x' } },
    }),
    ...applied('applied strictly', 'fieldManager=flux&force=true&fieldValidation=Strict&dryRun=All'),
    'in the end': get(at),
  });
}
