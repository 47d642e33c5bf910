/** Creations: names, bodies of every media type, what they hold and what is wrong with them. */
import type { Call } from '../../calls.ts';
import type { Comparison, SidedCall } from '../../comparison.ts';
import { map, maps } from './samples.ts';

export async function creations(comparison: Comparison): Promise<void> {
  const dry = `${maps}?dryRun=All`;
  const json = (body: unknown, path = dry, more: Partial<Call> = {}): SidedCall => ({
    method: 'POST',
    path,
    body,
    ...more,
  });
  const typed = (type: string, body = JSON.stringify(map('typed'))): SidedCall => ({
    method: 'POST',
    path: dry,
    body,
    headers: { 'content-type': type },
  });
  const calls: Readonly<Record<string, SidedCall>> = {
    'no body': { method: 'POST', path: dry },
    'an empty body': json(''),
    'no JSON': json('{'),
    'half of it': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"'),
    text: json('"x"'),
    null: json('null'),
    'a list': json('[]'),
    'a number': json('7'),
    'an empty object': json({}),
    'no kind': json({ ...map('x'), kind: undefined }),
    'no version': json({ ...map('x'), apiVersion: undefined }),
    'another kind': json({ ...map('x'), kind: 'Secret' }),
    'another group': json({ ...map('x'), apiVersion: 'apps/v1', kind: 'Deployment' }),
    'an unknown kind': json({ ...map('x'), kind: 'Thing' }),
    'an unknown group': json({ ...map('x'), apiVersion: 'example.com/v1' }),
    'a bad version': json({ ...map('x'), apiVersion: 'a/b/c' }),
    'a list kind': json({ apiVersion: 'v1', kind: 'ConfigMapList', items: [] }),
    'no metadata': json({ apiVersion: 'v1', kind: 'ConfigMap' }),
    'no name': json({ ...map('x'), metadata: {} }),
    'a generated name of nothing': json({ ...map('x'), metadata: { generateName: '' } }),
    'a bad generated name': json({ ...map('x'), metadata: { generateName: 'Bad_Name' } }),
    'a bad name': json({ ...map('x'), metadata: { name: 'Bad_Name' } }),
    'a long name': json(map('n'.repeat(254))),
    'a name with a slash': json(map('a/b')),
    'the name ..': json(map('..')),
    'another namespace': json({ ...map('x'), metadata: { name: 'x', namespace: 'other' } }),
    'a namespace that is not': json(map('x'), '/api/v1/namespaces/none-such/configmaps'),
    'a version': json({ ...map('x'), metadata: { name: 'x', resourceVersion: '7' } }),
    'a uid': json({ ...map('x'), metadata: { name: 'x', uid: 'mine' } }),
    'times of its own': json({
      ...map('x'),
      metadata: {
        name: 'x',
        creationTimestamp: '2020-01-01T00:00:00Z',
        deletionTimestamp: '2020-01-01T00:00:00Z',
        deletionGracePeriodSeconds: 5,
        generation: 9,
        selfLink: '/x',
      },
    }),
    'an unknown field': json({ ...map('x'), what: 1 }),
    'an unknown field, strictly': json(
      { ...map('x'), what: 1, metadata: { name: 'x', who: 2 } },
      `${dry}&fieldValidation=Strict`,
    ),
    'an unknown field, ignored': json({ ...map('x'), what: 1 }, `${dry}&fieldValidation=Ignore`),
    'a bad validation': json(map('x'), `${dry}&fieldValidation=What`),
    'a doubled field': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"b"},"data":{"a":"c"}}',
    ),
    'a doubled field, strictly': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"y"},"data":{"a":"b"},"data":{"a":"c"},"x":1}',
      `${dry}&fieldValidation=Strict`,
    ),
    'a field in capitals': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"Data":{"a":"b"}}',
    ),
    'a bad dry run': json(map('x'), `${maps}?dryRun=Some`),
    'two dry runs': json(map('x'), `${maps}?dryRun=All&dryRun=All`),
    'an empty dry run': json(map('verbs-1'), `${maps}?dryRun=`),
    'a long manager': json(map('x'), `${dry}&fieldManager=${'m'.repeat(129)}`),
    'an unprintable manager': json(map('x'), `${dry}&fieldManager=%07`),
    'bad pretty': json(map('x'), `${dry}&pretty=what`),
    'on a name': json(map('x'), `${maps}/x`),
    'on a subresource that is not': json(map('x'), `${maps}/verbs-1/status`),
    'many managed fields': json({
      ...map('x'),
      metadata: {
        name: 'x',
        managedFields: [
          {
            manager: 'a',
            operation: 'Update',
            apiVersion: 'v1',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': {} },
          },
        ],
      },
    }),
    'bad managed fields': json({
      ...map('x'),
      metadata: { name: 'x', managedFields: [{ manager: 'a', operation: 'What', fieldsType: 'x' }] },
    }),
    YAML: typed('application/yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\n'),
    'bad YAML': typed('application/yaml', 'a: b: c'),
    'YAML with unknown fields, strictly': json(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\nwhat: 1\nwhat: 2\n',
      `${dry}&fieldValidation=Strict`,
      { headers: { 'content-type': 'application/yaml' } },
    ),
    'text/plain': typed('text/plain'),
    'an empty type': typed(''),
    'a type with charset': typed('application/json; charset=utf-8'),
    'a bad type': typed('what'),
    'broken protobuf': typed('application/vnd.kubernetes.protobuf', 'k8s'),
    form: typed('application/x-www-form-urlencoded'),
    CBOR: typed('application/cbor'),
    'a long annotation': json({
      ...map('x'),
      metadata: { name: 'x', annotations: { a: 'x'.repeat(262_145) } },
    }),
    'a big map': json({ ...map('x'), data: { a: 'x'.repeat(1_048_577) } }),
    'a body too big': json({ ...map('x'), data: { a: 'x'.repeat(3_200_000) } }),
    'deep JSON': json(
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":${'['.repeat(11_000)}${']'.repeat(11_000)}}`,
    ),
    'a number too big': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":99999999999999999999}}',
    ),
    'a fraction': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":1.5}}'),
    'an exponent': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":1e3}}'),
    'bad UTF-8': json(
      Buffer.concat([
        Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"'),
        Buffer.from([0xff]),
        Buffer.from('"}}'),
      ]),
    ),
    'behind the end': json(`${JSON.stringify(map('x'))} {}`),
  };
  for (const [title, call] of Object.entries(calls)) await comparison.compare(title, call);
  for (const accept of [
    'text/plain',
    'application/xml',
    'application/json;as=Table;g=meta.k8s.io;v=v2',
    'application/json;as=What;g=meta.k8s.io;v=v1',
    'application/yaml, */*',
    '*/*',
    'application/*',
    '',
    'application/json;stream=watch',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1',
    'application/json;as=Table;g=meta.k8s.io;v=v1beta1',
    'text/html, application/json;q=0.5',
    'application/cbor',
    'what',
  ])
    await comparison.compare(`accept ${accept}`, {
      method: 'GET',
      path: `${maps}/verbs-1`,
      headers: { accept },
    });
}
