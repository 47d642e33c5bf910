/** Policies on a real server, with what they tell clients and the audit log. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseAuditPolicy } from '../../audit/policy.ts';
import { type Answer, until } from '../../testing/harness.ts';
import { sharedServer } from '../../testing/shared-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonier-policies-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const auditPolicy = parseAuditPolicy(
  "{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], rules: [{level: Metadata, resources: [{group: '', resources: [configmaps, pods]}]}]}",
);
const path = join(directory, 'audit.log');
const file = { path, maxBytes: 2 ** 30, maxBackups: 0, maxAgeDays: 0, bufferSize: 10_000 };
const shared = sharedServer(undefined, { audit: { policy: auditPolicy, file } });

const registration = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

function policy(name: string, spec: object): object {
  return {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['configmaps'],
          },
        ],
      },
      ...spec,
    },
  };
}

const made = (where: string, body: object): Promise<unknown> => shared.ask(201, 'POST', where, body);

const bindings = `${registration}/validatingadmissionpolicybindings`;

/** Makes a policy and a binding of its name for ConfigMaps with a label of its name. */
async function bound(name: string, spec: object, actions: readonly string[] = ['Deny']): Promise<void> {
  await made(`${registration}/validatingadmissionpolicies`, policy(name, spec));
  const matchResources = { objectSelector: { matchLabels: { [name]: 'yes' } } };
  await made(bindings, {
    metadata: { name },
    spec: { policyName: name, validationActions: actions, matchResources },
  });
}

/** The answer to a ConfigMap that a policy is about, once the policy is known. */
async function answerTo(
  label: string,
  ready: (answer: Answer) => boolean,
  more: object = {},
): Promise<Answer> {
  let answer: Answer | undefined;
  const body = { metadata: { name: label, labels: { [label]: 'yes' } }, ...more };
  await until(async () => {
    answer = await shared.server.request('POST', `${configMaps}?dryRun=All`, body);
    return ready(answer);
  }, `the policy ${label} is asked`);
  assert.ok(answer);
  return answer;
}

/** What the audit log says about a request beside the request. */
async function annotationsOf({ headers }: Answer): Promise<Record<string, string>> {
  const id = String(headers['audit-id']);
  let line: string | undefined;
  await until(() => {
    line = readFileSync(path, 'utf8')
      .split('\n')
      .find((one) => one.includes(id));
    return line !== undefined;
  }, 'the request is in the log');
  return (JSON.parse(line ?? '{}') as { annotations: Record<string, string> }).annotations;
}

test('policies in CEL refuse and warn, with parameters and variables, where a binding says so', async () => {
  const { server } = shared;
  await made(configMaps, { metadata: { name: 'limits' }, data: { most: '2' } });
  await made(
    `${registration}/validatingadmissionpolicies`,
    policy('few-keys', {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      variables: [{ name: 'count', expression: 'has(object.data) ? size(object.data) : 0' }],
      matchConditions: [{ name: 'not-limits', expression: "object.metadata.name != 'limits'" }],
      validations: [
        {
          expression: 'variables.count <= int(params.data.most)',
          messageExpression: "'at most ' + params.data.most + ' keys, and not ' + string(variables.count)",
        },
        { expression: "request.userInfo.username != 'nobody'", reason: 'Forbidden' },
      ],
    }),
  );
  const bind = (name: string, extra: object): Promise<unknown> =>
    made(bindings, {
      metadata: { name },
      spec: {
        policyName: 'few-keys',
        paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
        ...extra,
      },
    });
  await bind('warns', { validationActions: ['Warn'] });
  const many = { metadata: { name: 'many' }, data: { a: '1', b: '2', c: '3' } };
  let warning = '';
  await until(async () => {
    const { status, headers } = await server.request('POST', `${configMaps}?dryRun=All`, many);
    assert.equal(status, 201);
    warning = String(headers['warning'] ?? '');
    return warning !== '';
  }, 'the policy warns');
  assert.match(warning, /policy 'few-keys' with binding 'warns': at most 2 keys, and not 3/i);
  await bind('denies', {
    validationActions: ['Deny'],
    matchResources: { objectSelector: { matchLabels: { strict: 'yes' } } },
  });
  const strict = { ...many, metadata: { name: 'many', labels: { strict: 'yes' } } };
  let message = '';
  await until(async () => {
    const { status, json } = await server.request('POST', `${configMaps}?dryRun=All`, strict);
    message = json.message;
    return status === 422;
  }, 'the policy refuses');
  assert.equal(
    message,
    `configmaps "many" is forbidden: ValidatingAdmissionPolicy 'few-keys' with binding 'denies' denied request: at most 2 keys, and not 3`,
  );
  const few = { metadata: { name: 'few', labels: { strict: 'yes' } }, data: { a: '1' } };
  assert.equal((await server.request('POST', configMaps, few)).status, 201);
  assert.equal((await server.request('DELETE', `${configMaps}/limits`)).status, 200);
  await until(async () => {
    const { status, json } = await server.request('POST', `${configMaps}?dryRun=All`, strict);
    return status === 422 && /failed to configure binding: no params found/.test(json.message);
  }, 'a missing parameter refuses');
  for (const name of ['warns', 'denies']) await shared.ask(200, 'DELETE', `${bindings}/${name}`);
});

test('a policy whose expressions do not compile is refused with their places', async () => {
  const { status, json } = await shared.server.request(
    'POST',
    `${registration}/validatingadmissionpolicies`,
    policy('broken', {
      validations: [
        { expression: 'object.data.size( > 1' },
        { expression: "'text'" },
        { expression: 'true', messageExpression: "string(authorizer.path('/').check('get').allowed())" },
      ],
      auditAnnotations: [{ key: 'k', valueExpression: '1' }],
    }),
  );
  assert.equal(status, 422);
  const causes = json.details.causes.map(({ field, message }: Record<string, string>) => [field, message]);
  assert.deepEqual(
    causes.map(([field]: string[]) => field),
    [
      'spec.validations[0].expression',
      'spec.validations[1].expression',
      'spec.validations[2].messageExpression',
      'spec.auditAnnotations[0].valueExpression',
    ],
  );
  assert.match(causes[1][1], /must evaluate to bool but got string$/);
  assert.match(causes[2][1], /undeclared reference to 'authorizer'/);
  assert.match(causes[3][1], /must evaluate to one of \[string null_type\] but got /);
});

test('expressions ask what else the user may do, by the same rules as every request', async () => {
  await made('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'deployer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace: 'default' }],
  });
  const deployer = "authorizer.serviceAccount('default', 'deployer')";
  await bound('asks', {
    validations: [
      { expression: "authorizer.path('/healthz').check('get').allowed()" },
      { expression: "authorizer.requestResource.check('delete').allowed()" },
      {
        expression: `${deployer}.group('apps').resource('deployments').namespace('x').check('get').allowed()`,
      },
      {
        expression: `!${deployer}.group('').resource('pods').name('p').subresource('exec').check('create').allowed()`,
      },
      { expression: `${deployer}.group('').resource('secrets').check('get').reason() == 'never'` },
      { expression: "authorizer.path('').check('get').allowed()" },
    ],
  });
  await until(
    async () => (await answerTo('asks', ({ status }) => status === 422)).json.message.includes('reason()'),
    'the role is known',
  );
  const { json } = await answerTo('asks', ({ status }) => status === 422);
  assert.match(
    json.message,
    /denied request: failed expression: authorizer\.serviceAccount.*reason\(\) == 'never'$/,
  );
});

test('every failure is told, each as its binding says: refusals, warnings, and notes in the audit log', async () => {
  const validations = [
    { expression: 'object.missing == 1' },
    { expression: 'false', message: 'never allowed' },
    { expression: 'true' },
  ];
  const auditAnnotations = [
    { key: 'who', valueExpression: "'by ' + request.userInfo.username" },
    { key: 'nothing', valueExpression: 'null' },
  ];
  await bound('noted', { validations, auditAnnotations }, ['Audit', 'Warn']);
  const answer = await answerTo('noted', ({ headers }) => headers['warning'] !== undefined);
  assert.equal(answer.status, 201);
  assert.match(
    String(answer.headers['warning']),
    /object\.missing == 1' resulted in error: no such key: missing/,
  );
  assert.match(String(answer.headers['warning']), /'noted' with binding 'noted': never allowed/);
  const notes = await annotationsOf(answer);
  assert.equal(notes['noted/who'], 'by kubernetes-admin');
  assert.equal(notes['noted/nothing'], undefined);
  assert.deepEqual(JSON.parse(notes['validation.policy.admission.k8s.io/validation_failure'] ?? ''), [
    {
      message: "expression 'object.missing == 1' resulted in error: no such key: missing",
      policy: 'noted',
      binding: 'noted',
      expressionIndex: 0,
      validationActions: ['Audit', 'Warn'],
    },
  ]);
  await bound('lenient', { failurePolicy: 'Ignore', validations });
  const refused = await answerTo('lenient', ({ status }) => status === 422);
  assert.match(
    refused.json.message,
    /denied request: never allowed$/,
    'what cannot be evaluated is let through alone',
  );
});

test('a policy that costs too much is stopped, and refuses', async () => {
  const list = `[${Array.from({ length: 100 }, (_, i) => i).join(',')}]`;
  const expression = `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`;
  await bound('dear', { validations: [{ expression }] });
  const { json } = await answerTo('dear', ({ status }) => status === 422);
  assert.match(json.message, /resulted in error: operation cancelled: actual cost limit exceeded$/);
});

test('the status of a policy says which expressions do not fit the kinds that it is about', async () => {
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['CREATE'],
    resources: ['deployments'],
  };
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    variables: [{ name: 'replicas', expression: 'object.spec.replicas' }],
    matchConstraints: { resourceRules: [rule] },
    validations: [
      { expression: "variables.replicas > '1'" },
      { expression: 'object.spec.maxReplicas > 1', messageExpression: 'string(params.data.text)' },
      { expression: "object.spec.template.spec.containers.all(c, has(c.resources) && c.image != '')" },
      { expression: "request.userInfo.groups.exists(g, g == 'x') && namespaceObject.metadata.name != ''" },
    ],
  };
  await made(`${registration}/validatingadmissionpolicies`, { metadata: { name: 'typed' }, spec });
  const where = `${registration}/validatingadmissionpolicies/typed`;
  const statusOf = async (generation: number) => {
    let status: {
      observedGeneration?: number;
      typeChecking?: { expressionWarnings?: Record<string, string>[] };
    } = {};
    await until(async () => {
      ({ status = {} } = await shared.ask(200, 'GET', where));
      return status.observedGeneration === generation;
    }, 'the policy was looked at');
    return status.typeChecking?.expressionWarnings;
  };
  const warnings = (await statusOf(1)) ?? [];
  assert.deepEqual(
    warnings.map(({ fieldRef }) => fieldRef),
    ['spec.validations[0].expression', 'spec.validations[1].expression'],
  );
  assert.match(
    warnings[0]?.['warning'] ?? '',
    /^apps\/v1, Kind=Deployment: ERROR: <input>:1:20: found no matching overload for '_>_' applied to '\(int, string\)'/,
  );
  assert.match(warnings[1]?.['warning'] ?? '', /undefined field 'maxReplicas'/);
  const patch = [
    { op: 'replace', path: '/spec/validations', value: [{ expression: 'object.spec.replicas > 1' }] },
  ];
  const headers = { 'content-type': 'application/json-patch+json' };
  await shared.ask(200, 'PATCH', where, patch, { headers });
  assert.equal(await statusOf(2), undefined);
});

test('no selector of namespaces exempts what is in none', async () => {
  const spec = {
    matchConstraints: {
      namespaceSelector: { matchLabels: { guarded: 'yes' } },
      resourceRules: [
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          apiVersions: ['v1'],
          operations: ['CREATE'],
          resources: ['clusterroles'],
        },
      ],
    },
    validations: [{ expression: "object.metadata.name != 'unguarded'" }],
  };
  await made(`${registration}/validatingadmissionpolicies`, policy('guarded-roles', spec));
  await made(bindings, {
    metadata: { name: 'guarded-roles' },
    spec: { policyName: 'guarded-roles', validationActions: ['Deny'] },
  });
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All';
  await until(async () => {
    const answer = await shared.server.request('POST', path, { metadata: { name: 'unguarded' } });
    return answer.status === 422;
  }, 'the policy is asked');
  await shared.ask(201, 'POST', path, { metadata: { name: 'other' } });
});

test('the parameters of a namespace are in the namespace itself', async () => {
  await made('/api/v1/namespaces', { metadata: { name: 'own-params' } });
  await made('/api/v1/namespaces/own-params/configmaps', { metadata: { name: 'bounds' } });
  const name = 'of-namespaces';
  await made(`${registration}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['namespaces'] },
        ],
        objectSelector: { matchLabels: { [name]: 'yes' } },
      },
      validations: [
        { expression: 'false', messageExpression: "'bound by ' + string(params.metadata.namespace)" },
      ],
    },
  });
  await made(bindings, {
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      paramRef: { name: 'bounds', parameterNotFoundAction: 'Deny' },
    },
  });
  let answer: Answer | undefined;
  await until(async () => {
    const change = { metadata: { labels: { [name]: 'yes' } } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    answer = await shared.server.request('PATCH', '/api/v1/namespaces/own-params?dryRun=All', change, {
      headers,
    });
    return answer.status !== 200;
  }, 'the policy is asked');
  assert.match(answer?.json.message ?? '', /bound by own-params$/);
});

test('no policy is about questions who somebody is and what they may do', async () => {
  const name = 'no-questions';
  await made(`${registration}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['authentication.k8s.io', 'authorization.k8s.io'],
            apiVersions: ['*'],
            operations: ['*'],
            resources: ['*'],
          },
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['limitranges'] },
        ],
      },
      validations: [{ expression: 'false' }],
    },
  });
  await made(bindings, { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } });
  const range = { metadata: { name: 'l' }, spec: { limits: [] } };
  await until(async () => {
    const path = '/api/v1/namespaces/default/limitranges?dryRun=All';
    return (await shared.server.request('POST', path, range)).status === 422;
  }, 'the policy counts');
  const [authentication, authorization] = ['authentication', 'authorization'].map(
    (group) => `${group}.k8s.io/v1`,
  );
  await shared.ask(201, 'POST', `/apis/${authentication}/selfsubjectreviews`, {
    apiVersion: authentication,
    kind: 'SelfSubjectReview',
  });
  await shared.ask(201, 'POST', `/apis/${authorization}/selfsubjectaccessreviews`, {
    apiVersion: authorization,
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  });
});
