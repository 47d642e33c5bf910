import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/harness.ts';
import { patchAs, sharedServer } from '../../testing/shared-server.ts';

const shared = sharedServer();
const registration = '/apis/admissionregistration.k8s.io/v1';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const configMaps = '/api/v1/namespaces/default/configmaps';

type Kind = 'mutating' | 'validating';

/** What each policy is about is told by a label, so that tests do not meet each other. */
function policyFor(name: string, resource: string, spec: object): object {
  const [apiGroup = '', plural = ''] = resource.split('/');
  const rule = {
    apiGroups: [apiGroup],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE'],
    resources: [plural],
  };
  return {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules: [rule], objectSelector: { matchLabels: { about: name } } },
      ...spec,
    },
  };
}

async function bound(
  kind: Kind,
  name: string,
  resource: string,
  spec: object,
  extra: object = {},
): Promise<void> {
  const mutating = kind === 'mutating' ? { reinvocationPolicy: 'Never' } : {};
  const policy = policyFor(name, resource, { ...mutating, ...spec });
  await shared.ask(201, 'POST', `${registration}/${kind}admissionpolicies`, policy);
  await shared.ask(201, 'POST', `${registration}/${kind}admissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, ...(kind === 'validating' && { validationActions: ['Deny'] }), ...extra },
  });
}

function deployment(about: string, replicas: number, annotations?: object): object {
  const labels = { app: 'test' };
  return {
    metadata: { name: about, labels: { about }, ...(annotations && { annotations }) },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

/** Tries until an answer is as wanted: a policy takes a moment to be known. */
async function triedUntil(
  path: string,
  body: object,
  // What an answer holds is for the test to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  isSo: (json: any) => boolean,
  // oxlint-disable-next-line typescript/no-explicit-any
): Promise<any> {
  let json: unknown;
  await until(async () => {
    json = (await shared.server.request('POST', `${path}?dryRun=All`, body)).json;
    return isSo(json);
  }, `the policy shows at ${path}`).catch((error: unknown) => {
    throw new Error(`last answer: ${JSON.stringify(json)}`, { cause: error });
  });
  return json;
}

// Conformance: MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment
// Conformance: MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations
test('a policy completes a Deployment, and leaves alone what it does not name', async () => {
  await bound('mutating', 'annotated', 'apps/deployments', {
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression: 'Object{metadata: Object.metadata{annotations: {"mutated-by": "admission-policy"}}}',
        },
      },
    ],
  });
  const isMutated = ({ metadata }: { metadata?: { annotations?: Record<string, string> } }): boolean =>
    metadata?.annotations?.['mutated-by'] === 'admission-policy';
  await triedUntil(deployments, deployment('annotated', 2), isMutated);
  const kept = await shared.ask(201, 'POST', deployments, deployment('annotated', 2, { own: 'yes' }));
  assert.deepEqual(kept.metadata.annotations, { own: 'yes', 'mutated-by': 'admission-policy' });
  const removal = { metadata: { annotations: { 'mutated-by': null } } };
  const updated = await shared.ask(
    200,
    'PATCH',
    `${deployments}/annotated`,
    removal,
    patchAs('merge-patch+json'),
  );
  assert.ok(isMutated(updated), 'an update is completed too');
});

test('constructed objects merge by key and get defaults; parameters, variables and conditions say how', async () => {
  await shared.ask(201, 'POST', configMaps, { metadata: { name: 'sidecar' }, data: { image: 'log:2' } });
  await bound(
    'mutating',
    'sidecars',
    'apps/deployments',
    {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      variables: [
        { name: 'names', expression: 'object.spec.template.spec.containers.map(c, c.name)' },
        { name: 'image', expression: 'params.data.image' },
      ],
      matchConditions: [
        { name: 'once', expression: "!object.spec.template.spec.containers.exists(c, c.name == 'log')" },
        { name: 'known', expression: "params.data.image != ''" },
      ],
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
              containers: [Object.spec.template.spec.containers{name: "log", image: variables.image}]}}}}`,
          },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: `[
              JSONPatch{op: "test", path: "/spec/replicas", value: 2},
              JSONPatch{op: "add", path: "/metadata/annotations", value: {"seen": variables.names.join(",")}},
              JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("example.com/ab"), value: "x"}
            ]`,
          },
        },
      ],
    },
    { paramRef: { name: 'sidecar', namespace: 'default', parameterNotFoundAction: 'Deny' } },
  );
  const two = await triedUntil(
    deployments,
    deployment('sidecars', 2),
    ({ spec }) => spec?.template.spec.containers.length === 2,
  );
  const containers = two.spec.template.spec.containers as {
    name: string;
    image: string;
    imagePullPolicy: string;
  }[];
  const log = containers.find(({ name }) => name === 'log');
  assert.equal(log?.image, 'log:2');
  assert.equal(log.imagePullPolicy, 'IfNotPresent', 'what a policy adds gets its defaults');
  assert.deepEqual(two.metadata.annotations, {
    seen: containers.map(({ name }) => name).join(),
    'example.com/ab': 'x',
  });
  // A test that fails means that the patch is not for this object.
  const three = await shared.ask(201, 'POST', `${deployments}?dryRun=All`, deployment('sidecars', 3));
  assert.equal(three.metadata.annotations, undefined);
  assert.equal(three.spec.template.spec.containers.length, 2);
});

test('a policy that wants to see what later ones changed is asked once more, and no more', async () => {
  const about = { matchLabels: { about: 'rounds' } };
  const counting = (name: string, reinvocationPolicy: string): Promise<void> =>
    bound('mutating', name, '/configmaps', {
      reinvocationPolicy,
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
        ],
        objectSelector: about,
      },
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{data: {"${name}": has(object.data) && "${name}" in object.data ? object.data["${name}"] + "+" : "+"}}`,
          },
        },
      ],
    });
  await counting('rounds-a', 'IfNeeded');
  await counting('rounds-b', 'Never');
  await counting('rounds-c', 'IfNeeded');
  const map = { metadata: { name: 'rounds', labels: { about: 'rounds' } } };
  const { data } = await triedUntil(configMaps, map, (json) => Object.keys(json.data ?? {}).length === 3);
  // The first is asked again because of the other two, and the last because of the first's second answer.
  assert.deepEqual(data, { 'rounds-a': '++', 'rounds-b': '+', 'rounds-c': '++' });
});

test('what cannot be changed refuses the request, or is passed over, as the failure policy says', async () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'atomic',
      'Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"a": "b"}}}}',
      /may not mutate atomic arrays, maps or structs: \.spec\.selector/,
    ],
    [
      'misnamed',
      'Object{spec: Object.spec{template: Object.spec.wrong{}}}',
      /type mismatch: unexpected type name "Object\.spec\.wrong", expected "Object\.spec\.template", which matches field path/,
    ],
    ['failing', 'Object{spec: Object.spec{replicas: object.spec.missing}}', /no such key: missing/],
  ];
  for (const [name, expression, message] of cases) {
    const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }];
    await bound('mutating', name, 'apps/deployments', { mutations });
    const refused = await triedUntil(deployments, deployment(name, 1), ({ code }) => code !== undefined);
    assert.equal(refused.code, 403);
    assert.match(refused.message, message);
    assert.match(refused.message, new RegExp(`^policy '${name}' with binding`));
    const ignore = { spec: { failurePolicy: 'Ignore' } };
    const path = `${registration}/mutatingadmissionpolicies/${name}`;
    await shared.ask(200, 'PATCH', path, ignore, patchAs('merge-patch+json'));
    await triedUntil(deployments, deployment(name, 1), ({ kind }) => kind === 'Deployment');
  }
});

test('mutations that do not compile, or give something else, are refused with their places', async () => {
  const refused = await shared.ask(
    422,
    'POST',
    `${registration}/mutatingadmissionpolicies`,
    policyFor('broken', 'apps/deployments', {
      reinvocationPolicy: 'Never',
      variables: [{ name: 'v', expression: 'object.(' }],
      matchConditions: [{ name: 'c', expression: "'text'" }],
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: '1' } },
        { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: 1, nothing: 2}]' } },
      ],
    }),
  );
  const fields = refused.details.causes.map(({ field }: { field: string }) => field);
  assert.deepEqual(fields, [
    'spec.matchConditions[0].expression',
    'spec.variables[0].expression',
    'spec.mutations[0].applyConfiguration.expression',
    'spec.mutations[1].jsonPatch.expression',
  ]);
});

// Conformance: ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should validate against a Deployment
test('a policy refuses Deployments, with what it knows of them and of their namespace', async () => {
  await bound('validating', 'many', 'apps/deployments', {
    validations: [
      {
        expression: 'object.spec.replicas > 1',
        messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
      },
      { expression: "namespaceObject.metadata.name == 'default'", message: 'elsewhere' },
    ],
  });
  const { message, code } = await triedUntil(
    deployments,
    deployment('many', 1),
    (json) => json.code !== undefined,
  );
  assert.equal(code, 422);
  assert.match(message, /denied request: wants replicas > 1, got 1$/);
  await shared.ask(201, 'POST', deployments, deployment('many', 2));
});

// Conformance: ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables.
test('expressions of a policy refer to variables, and these to those before them', async () => {
  await bound('validating', 'odd', 'apps/deployments', {
    variables: [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
    ],
    validations: [
      { expression: 'variables.replicas > 1' },
      { expression: 'variables.oddReplicas', message: 'replicas must be odd' },
    ],
  });
  const one = await triedUntil(deployments, deployment('odd', 1), (json) => json.code !== undefined);
  assert.match(one.message, /failed expression: variables\.replicas > 1$/);
  const two = await shared.ask(422, 'POST', deployments, deployment('odd', 2));
  assert.match(two.message, /replicas must be odd$/);
  await shared.ask(201, 'POST', deployments, deployment('odd', 3));
});

test('who scales is judged by the Scale that they sent, which a policy changes as such', async () => {
  const name = 'scaled';
  await shared.ask(201, 'POST', deployments, deployment(name, 1));
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: ['deployments/scale'],
  };
  const constraints = { matchConstraints: { resourceRules: [rule] } };
  await bound('mutating', name, 'apps/deployments', {
    ...constraints,
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression: 'object.spec.replicas > 3 ? Object{spec: Object.spec{replicas: 3}} : Object{}',
        },
      },
    ],
  });
  await bound('validating', name, 'apps/deployments', {
    ...constraints,
    validations: [{ expression: "object.kind == 'Scale' && object.spec.replicas != 2", message: 'not two' }],
  });
  const path = `${deployments}/${name}/scale`;
  const scaleTo = (replicas: number) =>
    shared.server.request(
      'PATCH',
      `${path}?dryRun=All`,
      { spec: { replicas } },
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
  await until(async () => (await scaleTo(9)).json.spec?.replicas === 3, 'the Scale is changed');
  await until(async () => (await scaleTo(2)).status === 422, 'the Scale is refused');
  assert.match((await scaleTo(2)).json.message, /denied request: not two$/);
});

test('an eviction is judged as one, and what carries it out is not judged again', async () => {
  const name = 'evicted';
  const pods = '/api/v1/namespaces/default/pods';
  const pod = { metadata: { name }, spec: { containers: [{ name: 'a', image: 'b' }] } };
  await shared.ask(201, 'POST', pods, pod);
  const rule = (operations: string[], resources: string[]) => ({
    apiGroups: [''],
    apiVersions: ['v1'],
    operations,
    resources,
  });
  const about = { matchConditions: [{ name: 'own', expression: `request.name == '${name}'` }] };
  await bound('validating', 'evictions', '/pods', {
    ...about,
    matchConstraints: { resourceRules: [rule(['CREATE'], ['pods/eviction'])] },
    validations: [
      { expression: "object.kind == 'Eviction' && object.?deleteOptions.hasValue()", message: 'no options' },
    ],
  });
  await bound('validating', 'parts-of-evictions', '/pods', {
    ...about,
    matchConstraints: { resourceRules: [rule(['UPDATE', 'DELETE'], ['pods', 'pods/status'])] },
    validations: [{ expression: 'false' }],
  });
  const evict = (more: object) =>
    shared.server.request('POST', `${pods}/${name}/eviction`, { metadata: { name }, ...more });
  await until(
    async () => (await shared.server.request('DELETE', `${pods}/${name}?dryRun=All`)).status === 422,
    'deletions are refused',
  );
  await until(async () => (await evict({})).status === 422, 'an eviction without options is refused');
  const gone = await evict({ deleteOptions: { gracePeriodSeconds: 1 } });
  assert.equal(gone.status, 201, gone.body.toString());
});

/** Which creations of a part of one object a policy is about. */
function ownRule(resource: string, name: string): object {
  return {
    matchConstraints: {
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: [resource] },
      ],
    },
    matchConditions: [{ name: 'own', expression: `request.name == '${name}'` }],
  };
}

/**
 * One policy demands what another one completes. In force when a rehearsal that had been refused passes.
 */
async function completed(
  name: string,
  resource: string,
  { demand, change }: { readonly demand: string; readonly change: string },
  rehearse: () => Promise<{ readonly status: number }>,
): Promise<void> {
  const about = ownRule(resource, name);
  await bound('validating', name, '/pods', { ...about, validations: [{ expression: demand }] });
  await until(async () => (await rehearse()).status === 422, 'what is incomplete is refused');
  const mutations = [{ patchType: 'JSONPatch', jsonPatch: { expression: `[${change}]` } }];
  await bound('mutating', name, '/pods', { ...about, mutations });
  await until(async () => (await rehearse()).status === 201, 'it is completed');
}

test('a token is issued as policies leave its request, and not for a time that none may have', async () => {
  const name = 'capped';
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await shared.ask(201, 'POST', accounts, { metadata: { name } });
  const issue = (expirationSeconds: number) =>
    shared.server.request('POST', `${accounts}/${name}/token`, {
      spec: { expirationSeconds, audiences: ['mine'] },
    });
  const demand = 'object.spec.expirationSeconds == 600';
  const seconds = 'object.spec.expirationSeconds == 1234 ? 5 : 600';
  const change = `JSONPatch{op: "replace", path: "/spec/expirationSeconds", value: ${seconds}},
    JSONPatch{op: "replace", path: "/spec/audiences", value: ["capped"]}`;
  await completed(name, 'serviceaccounts/token', { demand, change }, () => issue(7200));
  const { json } = await issue(7200);
  assert.equal(json.spec.expirationSeconds, 600);
  assert.equal(json.spec.boundObjectRef, null);
  const payload = (json.status.token as string).split('.')[1] ?? '';
  const { aud, exp, iat } = JSON.parse(Buffer.from(payload, 'base64url').toString());
  assert.deepEqual(aud, ['capped']);
  assert.equal(exp - iat, 600);
  const refused = await issue(1234);
  assert.equal(refused.status, 422);
  assert.match(refused.json.message, /may not specify a duration less than 10 minutes/);
});

test('an eviction is carried out with the options that policies leave it', async () => {
  const name = 'rehearsed';
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { containers: [{ name: 'a', image: 'b' }] };
  await shared.ask(201, 'POST', pods, { metadata: { name }, spec });
  const evict = (query = '') =>
    shared.server.request('POST', `${pods}/${name}/eviction${query}`, { metadata: { name } });
  const demand = 'has(object.deleteOptions)';
  const change = 'JSONPatch{op: "add", path: "/deleteOptions", value: {"dryRun": ["All"]}}';
  await completed(name, 'pods/eviction', { demand, change }, () => evict('?dryRun=All'));
  assert.equal((await evict()).status, 201);
  const left = await shared.ask(200, 'GET', `${pods}/${name}`);
  assert.equal(left.metadata.deletionTimestamp, undefined);
});

test('a pod is bound to where policies leave its binding', async () => {
  const name = 'diverted';
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { containers: [{ name: 'a', image: 'b' }] };
  await shared.ask(201, 'POST', pods, { metadata: { name }, spec });
  const bind = (query = '') =>
    shared.server.request('POST', `${pods}/${name}/binding${query}`, {
      metadata: { name },
      target: { kind: 'Node', name: 'here' },
    });
  const demand = "object.target.name == 'there'";
  const change = `JSONPatch{op: "add", path: "/metadata/labels", value: {"by": "policy"}},
    JSONPatch{op: "replace", path: "/target/name", value: "there"}`;
  await completed(name, 'pods/binding', { demand, change }, () => bind('?dryRun=All'));
  assert.equal((await bind()).status, 201);
  const { metadata, spec: after } = await shared.ask(200, 'GET', `${pods}/${name}`);
  assert.equal(after.nodeName, 'there');
  assert.equal(metadata.labels.by, 'policy');
});

test('who evicts is not judged as who writes the budget that an eviction takes room in', async () => {
  const name = 'budgeted';
  const pods = '/api/v1/namespaces/default/pods';
  const budget = `/apis/policy/v1/namespaces/default/poddisruptionbudgets`;
  const labels = { app: name };
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
  const spec = { containers: [{ name: 'a', image: 'b' }] };
  await shared.ask(201, 'POST', pods, { metadata: { name, labels }, spec });
  const conditions = [{ type: 'Ready', status: 'True' }];
  await shared.ask(
    200,
    'PATCH',
    `${pods}/${name}/status`,
    { status: { phase: 'Running', conditions } },
    merge,
  );
  const selector = { matchLabels: labels };
  await shared.ask(201, 'POST', budget, { metadata: { name }, spec: { minAvailable: 0, selector } });
  const counts = { currentHealthy: 1, desiredHealthy: 0, expectedPods: 1, observedGeneration: 1 };
  const status = { disruptionsAllowed: 1, ...counts };
  const own = `${budget}/${name}`;
  await shared.ask(200, 'PATCH', `${own}/status`, { status }, merge);
  await bound('validating', name, '/pods', {
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ['policy'],
          apiVersions: ['v1'],
          operations: ['UPDATE'],
          resources: ['poddisruptionbudgets/status'],
        },
      ],
    },
    matchConditions: [{ name: 'own', expression: `request.name == '${name}'` }],
    validations: [{ expression: 'false' }],
  });
  const write = { status: { disruptionsAllowed: 0 } };
  await until(
    async () =>
      (await shared.server.request('PATCH', `${own}/status?dryRun=All`, write, merge)).status === 422,
    'writes of the budget are refused',
  );
  await shared.ask(201, 'POST', `${pods}/${name}/eviction`, { metadata: { name } });
  assert.equal((await shared.ask(200, 'GET', own)).status.disruptionsAllowed, 0);
});
