/** Validating admission policies: what they refuse and warn of, by parameters, conditions and variables, and which are none. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { makeNamespace } from '../world.ts';

export type Json = Record<string, unknown>;

export const group = '/apis/admissionregistration.k8s.io/v1';
const apiVersion = 'admissionregistration.k8s.io/v1';
export const merge = { 'content-type': 'application/merge-patch+json' };

export interface Policy {
  readonly spec: Json;
  /** More of the binding's `spec`. */
  readonly binding?: Json;
  /** Maps that are parameters, by name. */
  readonly params?: Readonly<Record<string, Json>>;
}

export const rules = (resources: readonly string[] = ['configmaps'], apiGroups = ['', 'apps']): Json => ({
  resourceRules: [
    { apiGroups, apiVersions: ['*'], operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'], resources },
  ],
});

/** Refuses a map of this name, so that a script sees when the policy counts. */
const probe = { expression: "request.name != 'probe'", message: 'probed' };
const validations = (...own: readonly Json[]): Json => ({ validations: [...own, probe] });
const byMap = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } };

const policies: Readonly<Record<string, Policy>> = {
  plain: { spec: validations({ expression: "request.operation == 'DELETE' || object.data.a == 'b'" }) },
  message: {
    spec: validations({
      expression: "request.operation == 'DELETE' || object.data.a == 'b'",
      message: 'a must be b',
      reason: 'Forbidden',
    }),
  },
  'message-expression': {
    spec: validations({
      expression: "request.operation == 'DELETE' || object.data.a == 'b'",
      messageExpression: "'a is ' + object.data.a + ' of ' + object.metadata.name",
      message: 'otherwise',
      reason: 'RequestEntityTooLarge',
    }),
  },
  'blank-message': {
    spec: validations({
      expression: "request.operation == 'DELETE' || object.data.a == 'b'",
      messageExpression: "object.data.a.replace('c', ' ')",
      message: 'the text',
      reason: 'Unauthorized',
    }),
  },
  several: {
    spec: validations(
      { expression: 'false' },
      { expression: 'true' },
      { expression: '1 == 2', message: 'no' },
    ),
  },
  'a-condition': {
    spec: {
      ...validations({ expression: "object.data.a == 'b'" }),
      matchConditions: [
        {
          name: 'not-free',
          expression: "!(has(object.metadata.labels) && 'free' in object.metadata.labels)",
        },
      ],
    },
  },
  'a-failing-condition': {
    spec: {
      ...validations({ expression: 'true' }),
      matchConditions: [
        { name: 'fails', expression: "object.data.none == 'x'" },
        { name: 'other', expression: "request.name == 'probe'" },
      ],
    },
  },
  'a-failing-condition-ignored': {
    spec: {
      ...validations({ expression: 'false' }),
      failurePolicy: 'Ignore',
      matchConditions: [{ name: 'fails', expression: "request.name == 'probe' || object.data.none == '1'" }],
    },
  },
  errors: {
    spec: validations(
      { expression: "object.data.none == 'x'" },
      { expression: 'int(object.data.a) > 3', message: 'with a message' },
      { expression: '[1, 2][int(object.data.a)] == 1' },
      { expression: 'object.spec.replicas > 1' },
      { expression: '1 / 0 == 1' },
    ),
  },
  'errors-ignored': {
    spec: {
      failurePolicy: 'Ignore',
      ...validations({ expression: "object.data.none == 'x'" }, { expression: 'object.data.a == "z"' }),
    },
  },
  variables: {
    spec: {
      variables: [
        { name: 'a', expression: "has(object.data) && 'a' in object.data ? object.data.a : 'nothing'" },
        { name: 'long', expression: 'variables.a + variables.a' },
        { name: 'bad', expression: 'object.data.none' },
      ],
      ...validations(
        { expression: "variables.long == 'bb'", messageExpression: "'long is ' + variables.long" },
        { expression: "variables.bad == 'x'" },
      ),
    },
  },
  warn: {
    spec: validations(
      { expression: "object.data.a == 'b'", message: 'a should be b' },
      { expression: 'false' },
      { expression: 'object.data.none == "x"' },
    ),
    binding: { validationActions: ['Warn', 'Audit'] },
  },
  'warn-and-deny': {
    spec: validations({ expression: 'false' }),
    binding: { validationActions: ['Deny', 'Audit'] },
  },
  annotations: {
    spec: {
      ...validations(),
      auditAnnotations: [
        { key: 'one', valueExpression: "'x' + object.data.a" },
        { key: 'two', valueExpression: 'null' },
        { key: 'bad', valueExpression: "'is ' + object.data.none" },
      ],
    },
  },
  params: {
    spec: {
      ...byMap,
      ...validations({
        expression: 'object.data.a == params.data.a',
        messageExpression: "'a must be ' + params.data.a",
      }),
    },
    binding: { paramRef: { name: 'param', parameterNotFoundAction: 'Deny' } },
    params: { param: { data: { a: 'b' } } },
  },
  'params-by-label': {
    spec: {
      ...byMap,
      ...validations({
        expression: 'object.data.a == params.data.a',
        message: 'a must be right',
      }),
    },
    binding: { paramRef: { selector: { matchLabels: { is: 'param' } }, parameterNotFoundAction: 'Deny' } },
    params: {
      p1: { data: { a: 'b' }, metadata: { name: 'p1', labels: { is: 'param' } } },
      p2: { data: { a: 'c' }, metadata: { name: 'p2', labels: { is: 'param' } } },
    },
  },
  'params-missing': {
    spec: { ...byMap, ...validations({ expression: 'params != null' }) },
    binding: { paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } },
  },
  'params-allowed': {
    spec: { ...byMap, ...validations({ expression: 'params == null', message: 'no params' }) },
    binding: { paramRef: { name: 'none', parameterNotFoundAction: 'Allow' } },
  },
  'no-param-ref': {
    spec: { ...byMap, ...validations({ expression: 'params != null', message: 'no params' }) },
  },
  authorizer: {
    spec: validations(
      { expression: "authorizer.group('').resource('pods').namespace('default').check('get').allowed()" },
      {
        expression: "!authorizer.group('').resource('pods').check('get').allowed()",
        message: 'may get pods',
      },
      { expression: "authorizer.path('/healthz').check('get').allowed()" },
      { expression: "authorizer.requestResource.check('what').allowed()" },
      {
        expression:
          "authorizer.serviceAccount('default', 'default').group('').resource('pods').check('get').allowed()",
        message: 'not the account',
      },
    ),
  },
  request: {
    spec: validations(
      {
        expression: 'false',
        messageExpression:
          "request.operation + ' ' + request.kind.kind + ' ' + request.resource.resource + ' ' + request.name + ' ' + request.namespace + ' ' + request.userInfo.username + ' ' + string(request.dryRun)",
      },
      {
        expression: 'false',
        messageExpression:
          "'groups ' + string(size(request.userInfo.groups)) + ' ' + string(has(request.options)) + ' ' + string(has(request.subResource))",
      },
      { expression: 'false', messageExpression: "'sub ' + request.subResource" },
      {
        expression: 'false',
        messageExpression:
          "'namespace ' + namespaceObject.metadata.name + string(namespaceObject.metadata.labels.size())",
      },
      { expression: 'false', messageExpression: "'options ' + request.options.kind" },
      { expression: 'oldObject == null', message: 'an old object' },
      { expression: 'object == null', message: 'a new object' },
    ),
  },
  'every-resource': {
    spec: {
      matchConstraints: rules(['*/*'], ['*']),
      ...validations({
        expression: 'false',
        messageExpression:
          "request.resource.resource + '/' + request.subResource + ' as ' + request.requestKind.kind",
      }),
    },
  },
  libraries: {
    spec: validations(
      { expression: "quantity('1Gi').isGreaterThan(quantity('2Gi'))" },
      { expression: "object.metadata.name.matches('^[0-9]+$')" },
      { expression: "url('https://example.com/x').getHost() == 'x'" },
      { expression: "['a', 'b'].isSorted() && ['b', 'a'].isSorted()" },
      { expression: "isSemver('1.2.3') && !isSemver('1.2.3')" },
      { expression: "ip('10.0.0.1').family() == 6" },
      { expression: "'a-b'.split('-').join('') == 'ba'", messageExpression: "'a-b'.upperAscii()" },
      {
        expression: "format.dns1123Label().validate('A!').value().size() == 0",
        messageExpression: "format.dns1123Label().validate('A!').value().join('; ')",
      },
      { expression: '[1, 2, 3].sum() == 7', messageExpression: "'%d of %s'.format([3, 'x'])" },
      { expression: 'object.?data.?none.hasValue()' },
      { expression: "object.metadata.?labels['x'].orValue('y') == 'x'" },
      { expression: 'sets.contains([1], [2])' },
      { expression: "semver('1.2.3').major() == 2" },
      { expression: "cidr('10.0.0.0/8').containsIP('11.0.0.1')" },
      { expression: "{'a': 1}.transformList(k, v, v) == [2]" },
      { expression: "duration('1h').getMinutes() == 3" },
    ),
  },
  'too-costly': { spec: validations({ expression: 'range(0).size() == 0' }) },
  loops: {
    spec: validations({
      expression: "object.data.all(a, object.data.all(b, object.data.all(c, a + b + c != 'x')))",
    }),
  },
  // Upstream goes on to find it wrong for a moment when it is gone.
  'params-of-nothing': {
    spec: {
      paramKind: { apiVersion: 'example.com/v1', kind: 'None' },
      ...validations({ expression: 'params == null' }),
    },
    binding: { paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } },
  },
};

const objects: Readonly<Record<string, { what: string; body: Json; root?: string }>> = {
  'a right map': { what: 'configmaps', body: { data: { a: 'b' } } },
  'a wrong map': { what: 'configmaps', body: { data: { a: 'c' } } },
  'a free map': { what: 'configmaps', body: { data: { a: 'c' }, metadata: { labels: { free: 'x' } } } },
  'a map with a number': { what: 'configmaps', body: { data: { a: '1' } } },
  'an empty map': { what: 'configmaps', body: {} },
};

/** Policies that refuse nothing, or that there are none of. */
const quiet: ReadonlySet<string> = new Set(['params-allowed', 'too-costly', 'blank-message']);

export async function policyScript(comparison: Comparison): Promise<void> {
  for (const [name, policy] of Object.entries(policies)) {
    await makePolicy(
      comparison,
      'Validating',
      name,
      policy,
      quiet.has(name)
        ? undefined
        : ({ status, headers }) => status >= 400 || headers['warning'] !== undefined,
    );
    await requests(comparison, name, `vap-${name}`);
    await unmakePolicy(comparison, 'Validating', name);
  }
  await refused(comparison);
}

type IsSettled = (answer: { status: number; headers: Record<string, string>; text: string }) => boolean;

/** A policy with its binding in a namespace of its own, and waits until it counts. */
export async function makePolicy(
  comparison: Comparison,
  sort: 'Validating' | 'Mutating',
  name: string,
  { spec, binding, params = {} }: Policy,
  isSettled: IsSettled | undefined,
): Promise<void> {
  const space = `${sort === 'Validating' ? 'vap' : 'map'}-${name}`;
  await makeNamespace(comparison, space, { policy: name });
  const maps = `/api/v1/namespaces/${space}/configmaps`;
  for (const [called, more] of Object.entries({ there: { data: { a: 'b' } }, ...params }))
    await comparison.both(called, {
      method: 'POST',
      path: maps,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: called }, ...more },
    });
  const plural = `${sort.toLowerCase()}admissionpolic`;
  await comparison.compare(`${name}: the policy`, {
    method: 'POST',
    path: `${group}/${plural}ies`,
    body: {
      apiVersion,
      kind: `${sort}AdmissionPolicy`,
      metadata: { name: space },
      spec: { matchConstraints: rules(), ...spec },
    },
  });
  await comparison.compare(`${name}: the binding`, {
    method: 'POST',
    path: `${group}/${plural}ybindings`,
    body: {
      apiVersion,
      kind: `${sort}AdmissionPolicyBinding`,
      metadata: { name: space },
      spec: {
        policyName: space,
        ...(sort === 'Validating' ? { validationActions: ['Deny'] } : {}),
        matchResources: { namespaceSelector: { matchLabels: { policy: name } } },
        ...binding,
      },
    },
  });
  if (isSettled !== undefined)
    await comparison.settle(
      `${name} counts`,
      {
        method: 'POST',
        path: `${maps}?dryRun=All`,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'probe' },
          data: { a: 'b', none: 'x' },
        },
      },
      isSettled,
    );
}

export async function unmakePolicy(
  comparison: Comparison,
  sort: 'Validating' | 'Mutating',
  name: string,
): Promise<void> {
  const space = `${sort === 'Validating' ? 'vap' : 'map'}-${name}`;
  const plural = `${sort.toLowerCase()}admissionpolic`;
  await comparison.both('the binding goes', {
    method: 'DELETE',
    path: `${group}/${plural}ybindings/${space}`,
  });
  await comparison.both('the policy goes', { method: 'DELETE', path: `${group}/${plural}ies/${space}` });
}

/** Everything that a policy may be asked about. */
export async function requests(comparison: Comparison, name: string, space: string): Promise<void> {
  const root = `/api/v1/namespaces/${space}`;
  const calls: { title: string; call: SidedCall }[] = [];
  const send = (title: string, call: SidedCall): void =>
    void calls.push({ title: `${name}: ${title}`, call });
  for (const [title, { what, body }] of Object.entries(objects))
    send(title, {
      method: 'POST',
      path: `${root}/${what}?dryRun=All`,
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        ...body,
        metadata: { name: 'one', ...(body['metadata'] as Json) },
      },
    });
  send('a generated name', {
    method: 'POST',
    path: `${root}/configmaps?dryRun=All`,
    body: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { generateName: 'Bad_Name'.toLowerCase().replace('_', '-') },
      data: { a: 'c' },
    },
  });
  send('a change', {
    method: 'PATCH',
    path: `${root}/configmaps/there?dryRun=All`,
    body: { data: { a: 'c' } },
    headers: merge,
  });
  send('a change of nothing', {
    method: 'PATCH',
    path: `${root}/configmaps/there?dryRun=All`,
    body: {},
    headers: merge,
  });
  send('an update', {
    method: 'PUT',
    path: `${root}/configmaps/there?dryRun=All`,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'there' }, data: { a: '7' } },
  });
  send('an apply', {
    method: 'PATCH',
    path: `${root}/configmaps/applied?dryRun=All&fieldManager=x`,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { a: 'x' } },
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
  send('a deletion', { method: 'DELETE', path: `${root}/configmaps/there?dryRun=All` });
  send('a deletion of all', {
    method: 'DELETE',
    path: `${root}/configmaps?dryRun=All&fieldSelector=metadata.name%3Dthere`,
  });
  send('a secret', {
    method: 'POST',
    path: `${root}/secrets?dryRun=All`,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' } },
  });
  send('a wrong secret', {
    method: 'POST',
    path: `${root}/secrets?dryRun=All`,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'No!' } },
  });
  for (const { title, call } of calls) await comparison.compare(title, call);
}

/** Policies that are none, or that have doubtful types. */
async function refused(comparison: Comparison): Promise<void> {
  const spec = (more: Json): Json => ({
    matchConstraints: rules(),
    validations: [{ expression: 'true' }],
    ...more,
  });
  const expression = (text: string, more: Json = {}): Json =>
    spec({ validations: [{ expression: text, ...more }] });
  const specs: Readonly<Record<string, Json>> = {
    nothing: {},
    'no validations': { matchConstraints: rules() },
    'no constraints': { validations: [{ expression: 'true' }] },
    'no rules': spec({ matchConstraints: {} }),
    'empty rules': spec({ matchConstraints: { resourceRules: [{}] } }),
    'wrong rules': spec({
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['*', 'x'],
            apiVersions: ['', '*'],
            operations: ['CREATE', '*', 'What'],
            resources: ['*', '*/*', 'a/b/c', ''],
            scope: 'What',
          },
        ],
      },
    }),
    'an empty expression': expression(''),
    'a blank expression': expression('  '),
    'no expression': expression('object.'),
    'two mistakes': expression('object.x +'),
    'an unknown name': expression('what == 1'),
    'another type': expression('1'),
    'a text for a truth': expression("'a' + 'b'"),
    'parameters that are not declared': expression('params.x == 1'),
    'an unknown variable': expression('variables.x == 1'),
    'a message on two lines': expression('true', { message: 'a\nb' }),
    'a blank message': expression('true', { message: ' ' }),
    'a bad message expression': expression('true', { messageExpression: 'object.x +' }),
    'a message expression of another type': expression('true', { messageExpression: '1' }),
    'a long expression without a message': expression(`object.metadata.name == '${'x'.repeat(200)}'`),
    'an expression on two lines without a message': expression('true\n&& true'),
    'an unknown reason': expression('true', { reason: 'What' }),
    'an unknown failure policy': spec({ failurePolicy: 'What' }),
    'bad variables': spec({
      variables: [
        { name: 'no name!', expression: '1' },
        { name: 'b', expression: 'variables.c' },
        { name: 'c', expression: '' },
        { name: 'c', expression: '1' },
        { name: '', expression: '1' },
      ],
    }),
    'bad conditions': spec({
      matchConditions: [
        { name: 'a b', expression: 'true' },
        { name: 'b', expression: '1' },
        { name: 'b', expression: '' },
        { name: '', expression: 'object.' },
      ],
    }),
    'too many conditions': spec({
      matchConditions: Array.from({ length: 65 }, (_, i) => ({ name: `c${i}`, expression: 'true' })),
    }),
    'bad annotations': spec({
      auditAnnotations: [
        { key: 'a b', valueExpression: '1' },
        { key: 'ok', valueExpression: '' },
        { key: 'ok', valueExpression: "'x'" },
        { key: '', valueExpression: "'x'" },
        { key: 'x'.repeat(70), valueExpression: "'x'" },
      ],
    }),
    'only annotations': {
      matchConstraints: rules(),
      auditAnnotations: [{ key: 'a', valueExpression: "'x'" }],
    },
    'a bad kind of parameters': spec({ paramKind: { apiVersion: '', kind: 'no kind!' } }),
    'a bad version of parameters': spec({ paramKind: { apiVersion: 'a/b/c', kind: 'Kind' } }),
    'a costly expression': expression(
      'object.metadata.labels.all(a, object.metadata.labels.all(b, object.metadata.labels.all(c, object.metadata.labels.all(d, a == b && c == d))))',
    ),
    'fields that are not there': expression('object.spec.what == 1'),
  };
  for (const [title, own] of Object.entries(specs))
    await comparison.compare(`policy with ${title}`, {
      method: 'POST',
      path: `${group}/validatingadmissionpolicies?dryRun=All`,
      body: {
        apiVersion,
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'refused.example.com' },
        spec: own,
      },
    });
  const bindings: Readonly<Record<string, Json>> = {
    nothing: {},
    'no actions': { policyName: 'x' },
    'an unknown action': { policyName: 'x', validationActions: ['What'] },
    'actions twice': { policyName: 'x', validationActions: ['Deny', 'Deny'] },
    'two actions that do not fit': { policyName: 'x', validationActions: ['Deny', 'Warn'] },
    'a bad name': { policyName: 'X!', validationActions: ['Deny'] },
    'an empty parameter': { policyName: 'x', validationActions: ['Deny'], paramRef: {} },
    'two parameters': {
      policyName: 'x',
      validationActions: ['Deny'],
      paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' },
    },
    'an unknown action without parameter': {
      policyName: 'x',
      validationActions: ['Deny'],
      paramRef: { name: 'a', parameterNotFoundAction: 'What' },
    },
    'bad resources': {
      policyName: 'x',
      validationActions: ['Deny'],
      matchResources: {
        matchPolicy: 'What',
        namespaceSelector: { matchLabels: { 'no key!': 'x' } },
        resourceRules: [{}],
      },
    },
  };
  for (const [title, own] of Object.entries(bindings))
    await comparison.compare(`binding with ${title}`, {
      method: 'POST',
      path: `${group}/validatingadmissionpolicybindings?dryRun=All`,
      body: {
        apiVersion,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'refused.example.com' },
        spec: own,
      },
    });
}
