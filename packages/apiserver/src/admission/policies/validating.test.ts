import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApiServer, until } from '../../testing/harness.ts';
import { startEtcd } from '../../testing/real-etcd.ts';

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

test('policies in CEL refuse and warn, with parameters and variables, where a binding says so', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const made = async (path: string, body: object): Promise<void> => {
    const { status, json } = await server.request('POST', path, body);
    assert.equal(status, 201, JSON.stringify(json));
  };
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
  const bind = (name: string, extra: object): Promise<void> =>
    made(`${registration}/validatingadmissionpolicybindings`, {
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
    return status === 422 && /no params found/.test(json.message);
  }, 'a missing parameter refuses');
});

test('a policy whose expressions do not compile is refused with their places', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const { status, json } = await server.request(
    'POST',
    `${registration}/validatingadmissionpolicies`,
    policy('broken', { validations: [{ expression: 'object.data.size( > 1' }, { expression: "'text'" }] }),
  );
  assert.equal(status, 422);
  const fields = json.details.causes.map(({ field }: { field: string }) => field);
  assert.deepEqual(fields, ['spec.validations[0].expression', 'spec.validations[1].expression']);
});
