/** Everything that can be scaled, in every way and wrong ones, and statuses that are written beside what they are of. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import {
  apps,
  core,
  get,
  metadataAlone,
  patch,
  post,
  protobuf,
  put,
  tables,
  template,
  widget,
  widgets,
} from './world.ts';

type Json = Record<string, unknown>;

const selector = { matchLabels: { app: 'x' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] };

const scalable: Readonly<Record<string, readonly [path: string, body: Json]>> = {
  deployment: [
    `${apps}/deployments`,
    { apiVersion: 'apps/v1', kind: 'Deployment', spec: { selector, template: template() } },
  ],
  'replica set': [
    `${apps}/replicasets`,
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', spec: { selector, template: template() } },
  ],
  'stateful set': [
    `${apps}/statefulsets`,
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec: { selector, template: template(), serviceName: 'x' },
    },
  ],
  controller: [
    `${core}/replicationcontrollers`,
    {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      spec: { selector: { app: 'x' }, template: template() },
    },
  ],
  widget: [widgets, widget('', { replicas: 1 })],
};

export async function scales(comparison: Comparison): Promise<void> {
  for (const [kind, [path, body]] of Object.entries(scalable)) {
    await comparison.both(`a ${kind}`, post(path, { ...body, metadata: { name: 'scaled' } }));
    await scaled(comparison, kind, `${path}/scaled`);
    await statuses(comparison, kind, `${path}/scaled`, body);
  }
}

async function scaled(comparison: Comparison, kind: string, path: string): Promise<void> {
  const at = `${path}/scale`;
  const dry = `${at}?dryRun=All&fieldManager=scaler`;
  const scale = (more: Json, metadata: Json = {}): Json => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'scaled', namespace: 'clients', ...metadata },
    ...more,
  });
  const calls: Readonly<Record<string, SidedCall>> = {
    is: get(at),
    'as metadata': get(at, metadataAlone),
    'as a table': get(at, tables),
    'in protobuf': get(at, protobuf),
    'in YAML': get(at, 'application/yaml'),
    'at a version': get(`${at}?resourceVersion=0`),
    'put without a version': put(dry, scale({ spec: { replicas: 3 } })),
    'put with its version': (side) =>
      put(
        dry,
        scale(
          { spec: { replicas: 3 } },
          { resourceVersion: side.saw(`${kind}: is`)?.metadata?.resourceVersion },
        ),
      ),
    'put with an old version': put(dry, scale({ spec: { replicas: 3 } }, { resourceVersion: '1' })),
    'put with a bad version': put(dry, scale({ spec: { replicas: 3 } }, { resourceVersion: 'x' })),
    'put with its uid': (side) =>
      put(dry, scale({ spec: { replicas: 3 } }, { uid: side.saw(`${kind}: is`)?.metadata?.uid })),
    'put with another uid': put(dry, scale({ spec: { replicas: 3 } }, { uid: 'other' })),
    'put without a name': put(dry, scale({ spec: { replicas: 3 } }, { name: undefined })),
    'put under another name': put(dry, scale({ spec: { replicas: 3 } }, { name: 'other' })),
    'put in another namespace': put(dry, scale({ spec: { replicas: 3 } }, { namespace: 'other' })),
    'put without a spec': put(dry, scale({})),
    'put of nothing': put(dry, {}),
    'put below zero': put(dry, scale({ spec: { replicas: -1 } })),
    'put too high': put(dry, scale({ spec: { replicas: 2_147_483_648 } })),
    'put with a status': put(dry, scale({ spec: { replicas: 2 }, status: { replicas: 9, selector: 'a=b' } })),
    'put with labels': put(
      dry,
      scale({ spec: { replicas: 2 } }, { labels: { a: 'b' }, annotations: { c: 'd' } }),
    ),
    'put of another group': put(dry, { ...scale({ spec: { replicas: 2 } }), apiVersion: 'autoscaling/v2' }),
    'put of extensions': put(dry, { ...scale({ spec: { replicas: 2 } }), apiVersion: 'extensions/v1beta1' }),
    'put of the older apps': put(dry, { ...scale({ spec: { replicas: 2 } }), apiVersion: 'apps/v1beta2' }),
    'put of the object itself': (side) => put(dry, side.saw(`a ${kind}`)),
    'put with unknown fields': put(
      `${dry}&fieldValidation=Strict`,
      scale({ spec: { replicas: 2, what: 1 } }),
    ),
    merged: patch('merge', dry, { spec: { replicas: 4 } }),
    'merged by strategy': patch('strategic', dry, { spec: { replicas: 4 } }),
    'patched in JSON': patch('json', dry, [{ op: 'replace', path: '/spec/replicas', value: 4 }]),
    'patched in JSON by test': patch('json', dry, [{ op: 'test', path: '/spec/replicas', value: 99 }]),
    'patched with an old version': patch('merge', dry, {
      metadata: { resourceVersion: '1' },
      spec: { replicas: 4 },
    }),
    'patched to null': patch('merge', dry, { spec: { replicas: null } }),
    applied: patch('apply', dry, scale({ spec: { replicas: 5 } })),
    'applied by force': patch('apply', `${dry}&force=true`, scale({ spec: { replicas: 5 } })),
    'applied as the object': (side) =>
      patch('apply', `${dry}&force=true`, { ...side.saw(`a ${kind}`), metadata: { name: 'scaled' } }),
    deleted: { method: 'DELETE', path: at },
    posted: post(at, scale({ spec: { replicas: 1 } })),
    watched: get(`${at}?watch=1&timeoutSeconds=1`),
    'of nothing': get(path.replace('/scaled', '/none-such/scale')),
    'put of nothing that is': put(
      path.replace('/scaled', '/none-such/scale'),
      scale({}, { name: 'none-such' }),
    ),
    'patched of nothing that is': patch('merge', path.replace('/scaled', '/none-such/scale'), {
      spec: { replicas: 1 },
    }),
    'for good': patch('merge', `${at}?fieldManager=scaler`, { spec: { replicas: 2 } }),
    'the object then': get(path),
    'applied over that, rehearsed': patch(
      'apply',
      `${at}?dryRun=All&fieldManager=applier`,
      scale({ spec: { replicas: 3 } }),
    ),
    'applied over that': patch('apply', `${at}?fieldManager=applier`, scale({ spec: { replicas: 3 } })),
    'applied over that by force': patch(
      'apply',
      `${at}?fieldManager=applier&force=true`,
      scale({ spec: { replicas: 3 } }),
    ),
    'the object at last': get(path),
  };
  for (const [title, call] of Object.entries(calls)) {
    // That of a custom resource fails elsewhere, and what follows would differ by that alone.
    if (kind === 'widget' && title === 'applied over that by force') continue;
    await comparison.compare(`${kind}: ${title}`, call);
  }
}

async function statuses(
  comparison: Comparison,
  kind: string,
  path: string,
  { apiVersion, kind: name }: Json,
): Promise<void> {
  const at = `${path}/status`;
  const head = { apiVersion, kind: name, metadata: { name: 'scaled' } };
  const calls: Readonly<Record<string, SidedCall>> = {
    'status read': get(at),
    'status as metadata': get(at, metadataAlone),
    'status in protobuf': get(at, protobuf),
    'status put': (side) =>
      put(`${at}?fieldManager=teller`, { ...side.saw(`${kind}: status read`), status: { replicas: 2 } }),
    'status put with an old version': (side) =>
      put(at, { ...side.saw(`${kind}: status read`), status: { replicas: 3 } }),
    'status put with a changed spec': (side) =>
      put(`${at}?dryRun=All`, {
        ...side.saw(`${kind}: status put`),
        metadata: { ...side.saw(`${kind}: status put`)?.metadata, labels: { a: 'b' } },
        spec: {},
        status: { replicas: 4 },
      }),
    'status below zero': patch('merge', `${at}?dryRun=All`, { status: { replicas: -1 } }),
    'status of another type': patch('merge', `${at}?dryRun=All`, { status: { replicas: 'x' } }),
    'status taken away': patch('merge', `${at}?dryRun=All`, { status: null }),
    'status applied': patch('apply', `${at}?fieldManager=applier`, { ...head, status: { replicas: 5 } }),
    'status applied by force': patch('apply', `${at}?fieldManager=applier&force=true`, {
      ...head,
      status: { replicas: 5 },
    }),
    'status applied with a spec': patch('apply', `${at}?fieldManager=applier&dryRun=All`, {
      ...head,
      metadata: { name: 'scaled', labels: { a: 'b' } },
      spec: { replicas: 7 },
      status: { replicas: 5 },
    }),
    'status applied where nothing is': patch(
      'apply',
      path.replace('/scaled', '/none-such/status?fieldManager=x'),
      {
        ...head,
        metadata: { name: 'none-such' },
        status: {},
      },
    ),
    'status by the object': patch('merge', `${path}?dryRun=All`, { status: { replicas: 9 } }),
    'scale with a status': get(`${path}/scale`),
    'status given up': patch('apply', `${at}?fieldManager=applier&dryRun=All`, head),
    'status at last': get(path),
  };
  for (const [title, call] of Object.entries(calls)) await comparison.compare(`${kind}: ${title}`, call);
}
