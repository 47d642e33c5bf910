/** Every stored kind replaced, changed and deleted by whoever knows an old version, another uid, or nothing of it. */
import { type Example, examples } from '../../../../../packages/api/src/testing/examples.ts';
import type { Comparison, Side, SidedCall } from '../../comparison.ts';
import { pathOf, settled } from '../kinds.ts';
import { get, patch, post, put, remove } from './world.ts';

type Json = Record<string, unknown>;

export async function preconditions(comparison: Comparison): Promise<void> {
  for (const example of examples())
    await comparison.section(`clients versions ${example.title}`, () => oneKind(comparison, example));
}

async function oneKind(comparison: Comparison, example: Example): Promise<void> {
  const { info, object } = example;
  const collection = pathOf(info);
  const name = object().metadata?.name ?? '';
  const path = `${collection}/${name}`;
  await comparison.both('made', post(collection, object()));
  await settled(comparison, example);
  await comparison.both('is', get(path));
  const dry = 'dryRun=All';
  const sent = object() as unknown as Json;
  const withMetadata = (more: Json, body: Json = sent): Json => ({
    ...body,
    metadata: { ...(body['metadata'] as Json), ...more },
  });
  const current = (side: Side): Json => (side.saw('is') ?? {}) as Json;
  const replaced = (more: Json): SidedCall => put(`${path}?${dry}`, withMetadata(more));
  // A body stands for all parameters.
  const rehearsed = (options: Json): SidedCall => remove(path, { ...options, dryRun: ['All'] });
  const calls: Record<string, SidedCall> = {
    'replaced by what was sent': replaced({}),
    'replaced with an empty version': replaced({ resourceVersion: '' }),
    'replaced with version 0': replaced({ resourceVersion: '0' }),
    'replaced with an old version': replaced({ resourceVersion: '1' }),
    'replaced with a version to come': replaced({ resourceVersion: '99999999' }),
    'replaced with another uid': replaced({ uid: '11111111-2222-3333-4444-555555555555' }),
    'replaced with its version and another uid': (side) =>
      put(`${path}?${dry}`, withMetadata({ uid: 'other' }, current(side))),
    'replaced as it is': (side) => put(`${path}?${dry}`, current(side)),
    'replaced without owners of fields': (side) =>
      put(`${path}?${dry}`, withMetadata({ managedFields: [] }, current(side))),
    'replaced with one empty owner': (side) =>
      put(`${path}?${dry}`, withMetadata({ managedFields: [{}] }, current(side))),
    'replaced without a kind': put(`${path}?${dry}`, { ...sent, kind: undefined, apiVersion: undefined }),
    'replaced where nothing is': put(`${collection}/none-such?${dry}`, withMetadata({ name: 'none-such' })),
    'replaced where nothing is, with a version': put(
      `${collection}/none-such?${dry}`,
      withMetadata({ name: 'none-such', resourceVersion: '1' }),
    ),
    'patched with an old version': patch('merge', `${path}?${dry}`, {
      metadata: { resourceVersion: '1', labels: { a: 'b' } },
    }),
    'patched with an old version by strategy': patch('strategic', `${path}?${dry}`, {
      metadata: { resourceVersion: '1', labels: { a: 'b' } },
    }),
    'patched with its version': (side) =>
      patch('merge', `${path}?${dry}`, {
        metadata: {
          resourceVersion: (current(side)['metadata'] as Json | undefined)?.['resourceVersion'],
          labels: { a: 'b' },
        },
      }),
    'patched with an empty version': patch('merge', `${path}?${dry}`, {
      metadata: { resourceVersion: '', labels: { a: 'b' } },
    }),
    'patched with another uid': patch('merge', `${path}?${dry}`, {
      metadata: { uid: 'other', labels: { a: 'b' } },
    }),
    'patched to nothing new': patch('merge', `${path}?${dry}`, {}),
    'patched to another generation': patch('merge', `${path}?${dry}`, {
      metadata: { generation: 77, creationTimestamp: null, deletionTimestamp: '2020-01-01T00:00:00Z' },
    }),
    'patched by a failing test': patch('json', `${path}?${dry}`, [
      { op: 'test', path: '/metadata/resourceVersion', value: '1' },
      { op: 'add', path: '/metadata/labels', value: { a: 'b' } },
    ]),
    'patched where nothing is': patch('merge', `${collection}/none-such?${dry}`, {}),
    'applied where nothing is, with a uid': patch('apply', `${collection}/none-such?${dry}&fieldManager=x`, {
      ...sent,
      metadata: { name: 'none-such', uid: 'other' },
    }),
    'applied with another uid': patch('apply', `${path}?${dry}&fieldManager=x&force=true`, {
      ...sent,
      metadata: { name, uid: 'other' },
    }),
    'applied with an old version': patch('apply', `${path}?${dry}&fieldManager=x&force=true`, {
      ...sent,
      metadata: { name, resourceVersion: '1' },
    }),
    'deleted with another uid': rehearsed({ preconditions: { uid: 'other' } }),
    'deleted with an old version': rehearsed({ preconditions: { resourceVersion: '1' } }),
    'deleted with what it is': (side) => {
      const { uid, resourceVersion } = (current(side)['metadata'] ?? {}) as Json;
      return remove(path, { preconditions: { uid, resourceVersion }, dryRun: ['All'] });
    },
    'deleted with orphans': rehearsed({ propagationPolicy: 'Orphan' }),
    'deleted in the background': rehearsed({ propagationPolicy: 'Background' }),
    'deleted under conditions in its parameters': remove(`${path}?${dry}&uid=other`),
    'deleted at a version in its parameters': remove(`${path}?${dry}&resourceVersion=1`),
    'deleted where nothing is': remove(`${collection}/none-such?${dry}`),
    'in protobuf': get(path, 'application/vnd.kubernetes.protobuf'),
    'listed in protobuf': get(
      `${collection}?fieldSelector=metadata.name%3D${name}`,
      'application/vnd.kubernetes.protobuf',
    ),
    'watched in protobuf': get(
      `${collection}?fieldSelector=metadata.name%3D${name}&watch=1&timeoutSeconds=1`,
      'application/vnd.kubernetes.protobuf;stream=watch',
    ),
  };
  if (info.subresources.some(({ name: sub }) => sub === 'status'))
    calls['metadata by the status'] = patch('merge', `${path}/status?${dry}`, {
      metadata: {
        labels: { by: 'status' },
        annotations: { by: 'status' },
        finalizers: ['example.com/by-status'],
      },
    });
  await comparison.all(Object.entries(calls).map(([title, call]) => ({ title, call })));
}
