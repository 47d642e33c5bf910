import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asSent, decodeStrict, normalize, strictDecodingError } from './decode.ts';
import { parseJson } from './json.ts';
import { registry, type ResourceInfo } from './registry.ts';
import { messageSchema } from './schema.ts';
import { StatusError } from './statuses.ts';

const pods = registry.lookup('', 'v1', 'pods') as ResourceInfo;
const configMaps = registry.lookup('', 'v1', 'configmaps') as ResourceInfo;
const deployments = registry.lookup('apps', 'v1', 'deployments') as ResourceInfo;

function refusal(info: ResourceInfo, value: unknown): string {
  try {
    decodeStrict(info, value);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, 400);
    return error.message;
  }
  return 'accepted';
}

describe('decoding', () => {
  it('gives every value its one form', () => {
    const { object, problems } = decodeStrict(pods, {
      metadata: { name: 'a', creationTimestamp: null, labels: {} },
      spec: {
        hostNetwork: false,
        containers: [{ name: 'c', resources: { limits: { cpu: 0.5, memory: '1024Mi' } }, ports: [] }],
        activeDeadlineSeconds: 0,
      },
      status: { startTime: '2026-01-01T01:00:00.5+01:00' },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(JSON.parse(JSON.stringify(object)), {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'a' },
      spec: {
        containers: [{ name: 'c', resources: { limits: { cpu: '500m', memory: '1Gi' } } }],
        activeDeadlineSeconds: 0,
      },
      status: { startTime: '2026-01-01T00:00:00Z' },
    });
  });

  it('remembers what was sent empty, and shows it to nobody', () => {
    const { object } = decodeStrict(configMaps, { metadata: { name: 'a', labels: {} }, data: {} });
    assert.equal(JSON.stringify(object), '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}');
    assert.deepEqual([asSent(object.metadata, 'labels'), asSent({ ...object }, 'data')], [{}, {}]);
    assert.deepEqual([asSent(object.metadata, 'name'), asSent(object, 'binaryData')], ['a', undefined]);
  });

  it('takes null for an object that says nothing', () => {
    assert.deepEqual(decodeStrict(configMaps, null), decodeStrict(configMaps, {}));
  });

  it('takes null for empty bytes of a map', () => {
    const { object } = decodeStrict(configMaps, { metadata: { name: 'a' }, binaryData: { logo: null } });
    assert.deepEqual(object['binaryData'], { logo: '' });
  });

  it('lists unknown and duplicate fields with their paths and drops them', () => {
    const { value, duplicates } = parseJson(
      '{"spec":{"foo":1,"containers":[{"name":"a","name":"b","bar":{}}]},"extra":1}',
    );
    const { object, problems } = decodeStrict(pods, value, duplicates);
    assert.deepEqual(problems, [
      'unknown field "spec.foo"',
      'duplicate field "spec.containers[0].name"',
      'unknown field "spec.containers[0].bar"',
      'unknown field "extra"',
    ]);
    assert.equal('extra' in object, false);
    assert.equal(
      strictDecodingError(pods, ['unknown field "spec.foo"']).message,
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"',
    );
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [
      { spec: { replicas: 'x' } },
      /cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32$/,
    ],
    [{ spec: { replicas: 1.5 } }, /cannot unmarshal number 1\.5 into .* of type int32$/],
    [{ spec: { replicas: 4_294_967_296 } }, /cannot unmarshal number 4294967296 into .* of type int32$/],
    [
      { spec: [] },
      /cannot unmarshal array into Go struct field Deployment\.spec of type v1\.DeploymentSpec$/,
    ],
    [{ metadata: { labels: { a: 1 } } }, /cannot unmarshal number into .*metadata\.labels of type string$/],
    [{ metadata: { creationTimestamp: 'now' } }, /parsing time "now"/],
    [
      { spec: { template: { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } } } },
      /quantities must match/,
    ],
    // A quantity reads its own JSON, whatever that is.
    [
      { spec: { template: { spec: { containers: [{ resources: { limits: { cpu: { a: 1 } } } }] } } } },
      /^Deployment in version "v1" cannot be handled as a Deployment: quantities must match/,
    ],
    [[], /cannot unmarshal array into Go value of type v1\.Deployment$/],
    [{ apiVersion: 'apps/v2' }, /^the API version in the data \(apps\/v2\) does not match/],
    [{ kind: 'Pod' }, /^Pod in version "v1" cannot be handled as a Deployment/],
  ];
  for (const [value, expected] of wrong) {
    it(`refuses ${JSON.stringify(value)} and says where`, () =>
      assert.match(refusal(deployments, value), expected));
  }

  it('refuses bytes that are not base64', () => {
    const secrets = registry.lookup('', 'v1', 'secrets') as ResourceInfo;
    assert.match(refusal(secrets, { data: { a: 'ab!d' } }), /illegal base64 data at input byte 2$/);
    assert.match(refusal(secrets, { data: { a: 'abc' } }), /illegal base64 data/);
    assert.equal(refusal(secrets, { data: { a: 'YWI=' } }), 'accepted');
  });

  it('takes bytes number by number, as Go does', () => {
    const secrets = registry.lookup('', 'v1', 'secrets') as ResourceInfo;
    const { object } = decodeStrict(secrets, { data: { a: [1, null, 255], b: [] } });
    assert.deepEqual(object['data'], { a: 'AQD/', b: '' });
    const wrong = (value: unknown): string => refusal(secrets, { data: { a: value } });
    assert.match(
      wrong([256]),
      /cannot unmarshal number 256 into Go struct field Secret\.data of type uint8$/,
    );
    assert.match(wrong([-1]), /cannot unmarshal number -1 into .* of type uint8$/);
    assert.match(wrong([1.5]), /cannot unmarshal number 1\.5 into .* of type uint8$/);
    assert.match(wrong(['a']), /cannot unmarshal string into .* of type uint8$/);
    assert.match(wrong([[1]]), /cannot unmarshal array into .* of type uint8$/);
    assert.match(wrong({}), /cannot unmarshal object into .* of type \[\]uint8$/);
  });

  it('keeps a key named __proto__ without touching any prototype', () => {
    const maps = registry.lookup('', 'v1', 'configmaps') as ResourceInfo;
    const { value } = parseJson('{"data":{"__proto__":"x"}}');
    const { object } = decodeStrict(maps, value);
    assert.equal(JSON.stringify(object['data']), '{"__proto__":"x"}');
  });

  it('keeps 64-bit integers exactly and refuses larger ones', () => {
    const { value } = parseJson('{"metadata":{"generation":9007199254740993}}');
    assert.match(JSON.stringify(decodeStrict(pods, value).object), /9007199254740993/);
    const larger = parseJson('{"metadata":{"generation":9223372036854775808}}').value;
    assert.match(refusal(pods, larger), /cannot unmarshal number 9223372036854775808/);
  });

  it('leaves its input as it was', () => {
    const input = Object.freeze({ metadata: Object.freeze({ name: 'a' }) });
    decodeStrict(pods, input);
    assert.deepEqual(
      normalize(messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'), input.metadata),
      { name: 'a' },
    );
  });
});
