/** What kubectl says of manifests that are wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubectlFor } from '../../packages/apiserver/src/testing/kubectl.ts';
import { assertNothingLost, serve } from './api-server.ts';

function deployment(change: {
  readonly metadata?: object;
  readonly spec?: object;
  readonly labels?: object;
  readonly containers?: readonly object[];
}): string {
  const { metadata = {}, spec = {}, labels = { a: 'b' }, containers = [{ name: 'c', image: 'x' }] } = change;
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'bad', ...metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels }, spec: { containers } },
      ...spec,
    },
  });
}

test('kubectl shows what is wrong with a manifest, and nothing of it is stored', async (t) => {
  const server = await serve(t);
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const container = { name: 'c', image: 'x' };
  const cpu = (value: string): object => ({ ...container, resources: { limits: { cpu: value } } });
  const service = (ports: readonly object[]): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'bad' }, spec: { ports } });
  const create = 'create -f -';
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      create,
      deployment({ spec: { replicas: 'three' } }),
      /BadRequest.*cannot unmarshal string into Go struct field .*replicas of type int32/,
    ],
    [
      create,
      deployment({ spec: { replcas: 3 } }),
      /BadRequest.*strict decoding error: unknown field "spec.replcas"/,
    ],
    [
      create,
      deployment({ containers: [] }),
      /"bad" is invalid: spec.template.spec.containers: Required value/,
    ],
    [create, deployment({ containers: [{ name: 'c' }] }), /containers\[0\].image: Required value/],
    [
      create,
      deployment({ metadata: { name: 'Not_A_Name' } }),
      /metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      create,
      deployment({ metadata: { labels: { 'a b': 'c' } } }),
      /metadata.labels: Invalid value: "a b": name part must consist of/,
    ],
    [
      create,
      deployment({ labels: { a: 'c' } }),
      /spec.template.metadata.labels: Invalid value: .*`selector` does not match template `labels`/,
    ],
    [
      create,
      deployment({ containers: [cpu('abc')] }),
      /BadRequest.*quantities must match the regular expression/,
    ],
    [
      create,
      deployment({ containers: [cpu('-1')] }),
      /limits\[cpu\]: Invalid value: "-1": must be greater than or equal to 0/,
    ],
    [
      create,
      service([
        { name: 'a', port: 80 },
        { name: 'a', port: 80 },
      ]),
      /spec.ports\[1\].name: Duplicate value: "a"/,
    ],
    [
      create,
      service([{ port: 800_000 }]),
      /spec.ports\[0\].port: Invalid value: 800000: must be between 1 and 65535, inclusive/,
    ],
    [create, 'a: [b\nc: d', /error parsing STDIN: error converting YAML to JSON/],
    [create, '{"apiVersion":"v1",', /error parsing STDIN/],
    [
      create,
      '{"apiVersion":"v1","kind":"Gizmo","metadata":{"name":"g"}}',
      /no matches for kind "Gizmo" in version "v1"/,
    ],
    ['get gizmos', '', /the server doesn't have a resource type "gizmos"/],
    ['get pods --field-selector=a=b', '', /field label not supported: a/],
    ['get pods nobody', '', /Error from server \(NotFound\): pods "nobody" not found/],
    ['create configmap kept', '', /error: failed to create configmap: configmaps "kept" already exists/],
    ['create configmap new -n nowhere', '', /namespaces "nowhere" not found/],
  ];
  for (const [args, stdin, message] of cases) {
    const { code, stderr } = await kubectl(args.split(' '), stdin);
    assert.match(stderr, message);
    assert.equal(code, 1, stderr);
  }
  const misspelt = deployment({ spec: { replcas: 3 } });
  const warned = await kubectl(['create', '--dry-run=server', '--validate=warn', '-f', '-'], misspelt);
  assert.equal(warned.code, 0, warned.stderr);
  assert.match(warned.stderr, /Warning: unknown field "spec.replcas"/);
  const ignored = await kubectl(['create', '--dry-run=server', '--validate=ignore', '-f', '-'], misspelt);
  assert.equal(ignored.code, 0, ignored.stderr);
  assert.equal(ignored.stderr, '');
  assert.equal(
    (await kubectl(['get', 'deployments,services', '-o', 'name'])).stdout.trim(),
    'service/kubernetes',
  );
  await assertNothingLost(server);
});
