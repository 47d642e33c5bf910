import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromStored, isStoredShape, toStored } from './conversion.ts';
import { decodeStrict } from './decode.ts';
import type { ApiObject } from './object.ts';
import { applyDefaults } from './defaults.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList } from './discovery.ts';
import { openapiHash, openapiV2, openapiV3, openapiV3Index } from './openapi.ts';
import { createRegistry, registry, storageKey, type ResourceInfo } from './registry.ts';
import { messageNames, messageSchema } from './schema.ts';
import { toTable } from './table.ts';
import { validate } from './validation.ts';

const prefix = 'autoscaling.alpha.kubernetes.io/';
const everything = (): boolean => true;
const find = (group: string, resource: string): ResourceInfo =>
  registry.lookup(group, 'v1', resource) as ResourceInfo;

describe('the registry', () => {
  it('knows every resource by its path and its kind', () => {
    for (const info of registry.all()) {
      assert.equal(registry.lookup(info.group, info.version, info.resource), info);
      assert.equal(registry.byKind(info.group, info.version, info.kind), info);
      assert.equal(info.schema.typeMeta, true);
    }
    assert.equal(registry.lookup('', 'v1', 'constructor'), undefined);
  });

  it('says where objects are stored', () => {
    assert.equal(storageKey(find('', 'pods'), 'n', 'a'), '/registry/pods/n/a');
    assert.equal(storageKey(find('', 'pods'), undefined), '/registry/pods/');
    assert.equal(storageKey(find('', 'nodes'), undefined, 'a'), '/registry/minions/a');
    assert.equal(storageKey(find('', 'services'), 'n', 'a'), '/registry/services/specs/n/a');
  });

  it('can be cut down to what is served, and takes custom kinds, without touching the others', () => {
    const few = createRegistry().subset(
      (info) => info.group === 'apps' || info.resource === 'pods',
      (_, sub) => sub.name === 'status',
    );
    assert.deepEqual(
      few.groups().map((g) => g.group),
      ['', 'apps'],
    );
    const pods = few.lookup('', 'v1', 'pods');
    assert.deepEqual(
      pods?.subresources.map((s) => s.name),
      ['status'],
    );
    assert.equal(pods?.schema, find('', 'pods').schema);
    few.add({
      ...find('', 'configmaps'),
      group: 'x.io',
      resource: 'things',
      kind: 'Thing',
      schema: pods.schema,
    });
    assert.equal(few.byKind('x.io', 'v1', 'Thing')?.resource, 'things');
    assert.equal(apiGroup(few, everything, 'x.io')?.preferredVersion?.groupVersion, 'x.io/v1');
    assert.equal(registry.byKind('x.io', 'v1', 'Thing'), undefined);
  });
});

describe('the schema', () => {
  it('can be walked everywhere', () => {
    for (const name of messageNames()) {
      const schema = messageSchema(name);
      for (const field of schema.fields.values()) {
        if (field.kind === 'list') assert.ok(field.items);
        if (field.kind === 'map') assert.ok(field.values);
        for (const key of field.listMapKeys)
          assert.ok(field.items?.field(key), `${name}.${field.name}[${key}]`);
        if (field.patchMergeKey !== undefined) assert.ok(field.items?.field(field.patchMergeKey));
      }
      const numbers = schema.wire.map((field) => field.number);
      assert.equal(new Set(numbers).size, numbers.length, name);
    }
  });

  it('gives a field the markers of its place', () => {
    const containers = find('', 'pods').schema.field('spec')?.field('containers');
    assert.equal(containers?.patchMergeKey, 'name');
    assert.deepEqual(containers?.items?.field('ports')?.listMapKeys, ['containerPort', 'protocol']);
    assert.equal(
      find('', 'pods').schema.field('spec')?.field('volumes')?.items?.field('configMap')?.kind,
      'object',
    );
  });
});

describe('defaults', () => {
  const plain: Readonly<Record<string, object>> = {
    pods: {
      spec: {
        containers: [
          { name: 'c', image: 'x', ports: [{ containerPort: 1 }], resources: { limits: { cpu: '1' } } },
        ],
        volumes: [{ name: 'v' }],
      },
    },
    services: { spec: { type: 'LoadBalancer', ports: [{ port: 80 }], sessionAffinity: 'ClientIP' } },
    secrets: { stringData: { a: 'b' } },
    namespaces: { metadata: { name: 'x' } },
    nodes: { status: { capacity: { cpu: '1' } } },
  };
  it('are filled in once and change nothing the second time', () => {
    for (const [resource, value] of Object.entries(plain)) {
      const info = find('', resource);
      const once = applyDefaults(info, decodeStrict(info, value).object);
      const text = JSON.stringify(once);
      assert.equal(JSON.stringify(applyDefaults(info, once)), text);
      assert.deepEqual(decodeStrict(info, JSON.parse(text)).problems, []);
    }
  });

  it('never change what is set', () => {
    const info = find('apps', 'deployments');
    const value = {
      spec: {
        replicas: 0,
        strategy: { type: 'Recreate' },
        template: { spec: { restartPolicy: 'Never', containers: [] } },
      },
    };
    const { spec } = applyDefaults(info, decodeStrict(info, value).object) as {
      spec: Record<string, unknown>;
    };
    assert.equal(spec['replicas'], 0);
    assert.deepEqual(spec['strategy'], { type: 'Recreate' });
    assert.equal((spec['template'] as { spec: { restartPolicy: string } }).spec.restartPolicy, 'Never');
  });

  const images: readonly (readonly [string, string])[] = [
    ['x', 'Always'],
    ['x:latest', 'Always'],
    ['host:5000/x', 'Always'],
    ['host:5000/x:1', 'IfNotPresent'],
    [`x@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  ];
  for (const [image, policy] of images) {
    it(`pull ${image.slice(0, 20)} ${policy}`, () => {
      const info = find('', 'pods');
      const pod = applyDefaults(
        info,
        decodeStrict(info, { spec: { containers: [{ name: 'c', image }] } }).object,
      ) as unknown as { spec: { containers: { imagePullPolicy: string }[] } };
      assert.equal(pod.spec.containers[0]?.imagePullPolicy, policy);
    });
  }
});

describe('tables', () => {
  const now = Date.parse('2026-01-01T01:00:00Z');
  const metadata = { name: 'a', creationTimestamp: '2026-01-01T00:55:00Z' };
  const row = (group: string, resource: string, object: object): unknown[] =>
    toTable(find(group, resource), [{ metadata, ...object }], { now }).rows[0]?.cells ?? [];
  const running = { name: 'c', ready: true, restartCount: 0, state: { running: {} } };
  const spec = { containers: [{ name: 'c' }], nodeName: 'w1' };

  const rows: readonly (readonly [string, string, string, object, readonly unknown[]])[] = [
    [
      'a running pod',
      '',
      'pods',
      { spec, status: { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [running] } },
      ['a', '1/1', 'Running', '0', '5m', '10.0.0.1', 'w1', '<none>', '<none>'],
    ],
    [
      'a restarted pod',
      '',
      'pods',
      {
        spec,
        status: {
          phase: 'Running',
          containerStatuses: [
            {
              ...running,
              restartCount: 2,
              lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:00Z' } },
            },
          ],
        },
      },
      ['a', '1/1', 'Running', '2 (60s ago)', '5m', '<none>', 'w1', '<none>', '<none>'],
    ],
    [
      'a crashing pod',
      '',
      'pods',
      {
        spec,
        status: {
          phase: 'Running',
          containerStatuses: [
            { ...running, ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } },
          ],
        },
      },
      ['a', '0/1', 'CrashLoopBackOff', '0'],
    ],
    [
      'a pod whose init container runs',
      '',
      'pods',
      {
        spec: { ...spec, initContainers: [{ name: 'i' }] },
        status: {
          phase: 'Pending',
          initContainerStatuses: [{ name: 'i', ready: false, restartCount: 0, state: { running: {} } }],
        },
      },
      ['a', '0/1', 'Init:0/1', '0'],
    ],
    [
      'a pod being deleted',
      '',
      'pods',
      {
        metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:59:00Z' },
        spec,
        status: { phase: 'Running', containerStatuses: [running] },
      },
      ['a', '1/1', 'Terminating'],
    ],
    [
      'a ready node',
      '',
      'nodes',
      {
        metadata: { ...metadata, labels: { 'node-role.kubernetes.io/control-plane': '' } },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          nodeInfo: { kubeletVersion: 'v1' },
          addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        },
      },
      [
        'a',
        'Ready',
        'control-plane',
        '5m',
        'v1',
        '10.0.0.1',
        '<none>',
        '<unknown>',
        '<unknown>',
        '<unknown>',
      ],
    ],
    [
      'a closed node nobody hears of',
      '',
      'nodes',
      { spec: { unschedulable: true }, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
      ['a', 'NotReady,SchedulingDisabled', '<none>', '5m', ''],
    ],
    [
      'a deployment',
      'apps',
      'deployments',
      {
        spec: {
          replicas: 3,
          selector: { matchLabels: { a: 'b' } },
          template: { spec: { containers: [{ name: 'c', image: 'x' }] } },
        },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      ['a', '1/3', 2, 1, '5m', 'c', 'x', 'a=b'],
    ],
    [
      'a replica set',
      'apps',
      'replicasets',
      { spec: { replicas: 3, selector: {}, template: {} }, status: { replicas: 2 } },
      ['a', 3, 2, 0, '5m', '', '', '<none>'],
    ],
    [
      'a service',
      '',
      'services',
      {
        spec: {
          type: 'NodePort',
          clusterIPs: ['10.96.0.9'],
          ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
          selector: { a: 'b' },
        },
      },
      ['a', 'NodePort', '10.96.0.9', '<none>', '80:30080/TCP', '5m', 'a=b'],
    ],
    [
      'a service that waits for its balancer',
      '',
      'services',
      { spec: { type: 'LoadBalancer', ports: [] } },
      ['a', 'LoadBalancer', '<none>', '<pending>', '<none>', '5m', '<none>'],
    ],
    [
      'an endpoint slice',
      'discovery.k8s.io',
      'endpointslices',
      {
        addressType: 'IPv4',
        ports: [{ port: 80 }],
        endpoints: ['1', '2', '3', '4'].map((n) => ({ addresses: [`10.0.0.${n}`] })),
      },
      ['a', 'IPv4', '80', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...', '5m'],
    ],
    ['a config map', '', 'configmaps', { data: { a: '' }, binaryData: { b: '' } }, ['a', 2, '5m']],
    ['a lease', 'coordination.k8s.io', 'leases', { spec: { holderIdentity: 'me' } }, ['a', 'me', '5m']],
    [
      'an event',
      '',
      'events',
      {
        involvedObject: { kind: 'Pod', name: 'p' },
        type: 'Normal',
        reason: 'Started',
        message: 'ok\n',
        count: 2,
        firstTimestamp: '2026-01-01T00:55:00Z',
        lastTimestamp: '2026-01-01T00:59:00Z',
        source: { component: 'kubelet', host: 'w1' },
      },
      ['60s', 'Normal', 'Started', 'pod/p', '', 'kubelet, w1', 'ok', '5m', 2, 'a'],
    ],
  ];
  for (const [what, group, resource, object, cells] of rows) {
    it(`show ${what}`, () => assert.deepEqual(row(group, resource, object).slice(0, cells.length), cells));
  }

  it('name as many columns as rows have cells, for every resource', () => {
    for (const info of registry.all()) {
      const { object } = decodeStrict(info, { metadata });
      const table = toTable(info, [object], { now, includeObject: 'None' });
      assert.equal(table.rows[0]?.cells.length, table.columnDefinitions.length, info.resource);
      assert.equal(table.rows[0]?.object, null);
    }
  });

  it('carry metadata or the whole object as asked', () => {
    const object: ApiObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata, data: { a: 'b' } };
    const [info, list] = [find('', 'configmaps'), [object]];
    assert.deepEqual(toTable(info, list, { now }).rows[0]?.object, {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
    });
    assert.equal(toTable(info, list, { now, includeObject: 'Object' }).rows[0]?.object, object);
    assert.deepEqual(toTable(info, list, { now, columns: false }).columnDefinitions, []);
  });
});

describe('discovery', () => {
  it('says the same in both forms', () => {
    const listed = apiGroupList(registry, everything).groups.map((g) => g.name);
    const aggregated = aggregatedDiscovery(registry, everything, false).items;
    assert.deepEqual(
      aggregated.map((g) => g.metadata.name),
      listed,
    );
    for (const group of aggregated) {
      for (const { version, resources } of group.versions) {
        const legacy = apiResourceList(registry, everything, { group: group.metadata.name ?? '', version });
        assert.deepEqual(
          resources.map((r) => r.resource),
          legacy?.resources.map((r) => r.name).filter((name) => !name.includes('/')),
        );
      }
    }
  });

  it('leaves out what is not served', () => {
    const served = (info: ResourceInfo): boolean => info.resource === 'pods';
    assert.deepEqual(apiGroupList(registry, served).groups, []);
    assert.equal(apiResourceList(registry, served, { group: 'apps', version: 'v1' }), undefined);
    assert.equal(aggregatedDiscovery(registry, served, true).items[0]?.versions[0]?.resources.length, 1);
  });
});

describe('OpenAPI', () => {
  const options = { registry, served: everything };

  /** Every reference of a document leads somewhere. */
  function dangling(document: unknown, root: unknown = document): string[] {
    if (Array.isArray(document)) return document.flatMap((item) => dangling(item, root));
    if (typeof document !== 'object' || document === null) return [];
    return Object.entries(document).flatMap(([key, value]) => {
      if (key !== '$ref' || typeof value !== 'string') return dangling(value, root);
      let at: unknown = root;
      for (const part of value.slice(2).split('/')) at = (at as Record<string, unknown> | undefined)?.[part];
      return at === undefined ? [value] : [];
    });
  }

  it('has no reference that leads nowhere', () => {
    assert.deepEqual(dangling(openapiV2(options)), []);
    for (const info of registry.all()) assert.deepEqual(dangling(openapiV3(options, info)), []);
  });

  it('names its documents by their content', () => {
    const { paths } = openapiV3Index(options);
    const hash = openapiHash(openapiV3(options, { group: 'apps', version: 'v1' }));
    assert.equal(paths['apis/apps/v1']?.serverRelativeURL, `/openapi/v3/apis/apps/v1?hash=${hash}`);
  });

  it('tells clients that patches can be validated by the server', () => {
    const document = openapiV3(options, { group: 'apps', version: 'v1' }) as {
      paths: Record<
        string,
        Record<string, { parameters: { name: string }[]; 'x-kubernetes-group-version-kind': object }>
      >;
    };
    const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.['patch'];
    assert.ok(patch?.parameters.some((p) => p.name === 'fieldValidation'));
    assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], {
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    });
  });

  it('does not know groups that are not served', () => {
    assert.equal(openapiV3({ registry, served: () => false }, { group: 'apps', version: 'v1' }), undefined);
  });
});

describe('conversion', () => {
  it('carries an event there and back', () => {
    const info = find('events.k8s.io', 'events');
    const event: ApiObject = {
      kind: 'Event',
      apiVersion: 'events.k8s.io/v1',
      metadata: { name: 'a' },
      regarding: { kind: 'Pod' },
      note: 'text',
      reportingController: 'c',
    };
    const stored = toStored(info, event);
    assert.equal(stored.apiVersion, 'v1');
    assert.deepEqual(
      [stored['involvedObject'], stored['message'], stored['reportingComponent']],
      [{ kind: 'Pod' }, 'text', 'c'],
    );
    assert.deepEqual(fromStored(info, stored), event);
    assert.equal(isStoredShape(info), false);
    assert.equal(isStoredShape(find('', 'events')), true);
  });

  it('carries an autoscaler there and back, with what the old shape has no field for', () => {
    const info = find('autoscaling', 'horizontalpodautoscalers');
    const cpu = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
    };
    const target = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' };
    const metric = { name: 'm', selector: { matchLabels: { a: 'b' } } };
    const object = (own: object): object => ({
      type: 'Object',
      object: { describedObject: target, metric, target: own },
    });
    const external = (own: object): object => ({ type: 'External', external: { metric, target: own } });
    const others = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '1' } } },
      { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '1k' } } },
      object({ type: 'Value', value: '3' }),
      object({ type: 'AverageValue', averageValue: '3' }),
      external({ type: 'Value', value: '3' }),
      external({ type: 'AverageValue', averageValue: '30Mi' }),
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'memory',
          container: 'c',
          target: { type: 'Utilization', averageUtilization: 7 },
        },
      },
    ];
    const policies = [{ type: 'Pods', value: 3, periodSeconds: 15 }];
    const behavior = {
      scaleUp: { stabilizationWindowSeconds: 5, policies },
      scaleDown: { tolerance: '200m' },
    };
    const stored: ApiObject = {
      kind: 'HorizontalPodAutoscaler',
      apiVersion: 'autoscaling/v2',
      metadata: { name: 'a' },
      spec: { maxReplicas: 3, metrics: [...others, cpu], behavior },
      status: { currentMetrics: [] },
    };
    const old = fromStored(info, stored);
    assert.equal(
      (old['spec'] as { targetCPUUtilizationPercentage: number }).targetCPUUtilizationPercentage,
      80,
    );
    const { annotations = {} } = old.metadata ?? {};
    assert.equal(
      annotations[`${prefix}behavior`],
      '{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":3,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":null,"Policies":null,"Tolerance":"200m"}}',
    );
    const [first, second, third] = JSON.parse(annotations[`${prefix}metrics`] ?? '') as unknown[];
    assert.deepEqual(
      [first, second, third],
      [
        { type: 'Resource', resource: { name: 'cpu', targetAverageValue: '1' } },
        { type: 'Pods', pods: { metricName: 'm', targetAverageValue: '1k', selector: metric.selector } },
        {
          type: 'Object',
          object: { target, metricName: 'm', targetValue: '3', selector: metric.selector },
        },
      ],
    );
    assert.deepEqual(toStored(info, old), stored);
  });

  it('knows no annotation in the new shape of an autoscaler that the old one keeps fields in', () => {
    const info = registry.lookup('autoscaling', 'v2', 'horizontalpodautoscalers') as ResourceInfo;
    const metadataOf = (annotations: Record<string, string>): unknown => {
      const spec = {
        maxReplicas: 3,
        scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
      };
      const { object } = decodeStrict(info, { metadata: { name: 'a', annotations }, spec });
      applyDefaults(info, object);
      return object.metadata;
    };
    assert.deepEqual(metadataOf({ [`${prefix}metrics`]: '[]' }), { name: 'a' });
    assert.deepEqual(metadataOf({ [`${prefix}metrics`]: '[]', kept: 'x' }), {
      name: 'a',
      annotations: { kept: 'x' },
    });
  });

  it('stores nothing of what the annotations of an autoscaler say in no known words, and judges what they do say', () => {
    const info = find('autoscaling', 'horizontalpodautoscalers');
    const of = (annotations: Record<string, string>): ApiObject => {
      const { object } = decodeStrict(info, {
        metadata: { name: 'a', namespace: 'n', annotations: { kept: 'x', ...annotations } },
        spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' } },
      });
      applyDefaults(info, object);
      return object;
    };
    const cpu = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
    };
    for (const text of [
      '{',
      '{"scaleup":1}',
      '[]',
      '[[]]',
      '[7]',
      'null',
      '"x"',
      '[{"type":"Resource","resource":{"name":7}}]',
      '['.repeat(60_000) + ']'.repeat(60_000),
    ]) {
      const stored = toStored(info, of({ [`${prefix}metrics`]: text, [`${prefix}behavior`]: text }));
      assert.deepEqual(stored.metadata?.annotations, { kept: 'x' }, text);
      const { metrics, behavior } = stored['spec'] as { metrics: unknown; behavior: unknown };
      assert.deepEqual([metrics, behavior], [[cpu], undefined], text);
    }
    const wrong = of({
      [`${prefix}metrics`]: '[{"type":"Odd"}]',
      [`${prefix}behavior`]: '{"scaleUp":{"selectPolicy":"Odd"}}',
    });
    assert.deepEqual(
      validate(info, wrong, undefined).map(({ field }) => field),
      ['spec.metrics[0].type', 'spec.behavior.scaleUp.selectPolicy', 'spec.behavior.scaleUp.policies'],
    );
  });
});
