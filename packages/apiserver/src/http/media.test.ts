/** Which form and media type a header asks for, as kube-apiserver 1.36.3 was seen to understand it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import { negotiate, type Offer, parseAccept } from './media.ts';

const builtIn: Offer = { transforms: true, protobuf: true, isCollection: false, isWatch: false };

function told(accept: string, offer: Partial<Offer> = {}): string {
  try {
    const { media, form } = negotiate(accept, { ...builtIn, ...offer }, false);
    return `${media} ${form}`;
  } catch (error) {
    if (error instanceof StatusError) return String(error.status.code);
    throw error;
  }
}

suite('accepted representations', () => {
  const table = 'as=Table;g=meta.k8s.io;v=v1';
  const metadata = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
  const cases: readonly (readonly [accept: string, expected: string])[] = [
    ['', 'json object'],
    ['*/*', 'json object'],
    ['application/json;q=0.1, application/yaml;q=0.9', 'yaml object'],
    ['application/json;q=0', 'json object'],
    ['*/*;q=0', 'json object'],
    ['application/yaml;q=x, application/json;q=0.5', 'json object'],
    ['text/html;q=0.9, */*;q=0.1', 'json object'],
    ['APPLICATION/JSON', '406'],
    ['application/json; as=Table; g=meta.k8s.io; v=v1', 'json table'],
    [`application/json;${table.replace('as', 'AS')}`, '406'],
    ['application/json;as=Table', '406'],
    ['application/json;g=meta.k8s.io;v=v1', '406'],
    [`application/json;as=;g=meta.k8s.io;v=v1`, '406'],
    ['application/json;stream=what', '406'],
    ['application/json;sv=v2', '406'],
    [`application/vnd.kubernetes.protobuf;${table},application/json;${table}`, 'json table'],
    [`application/vnd.kubernetes.protobuf;${metadata}`, 'protobuf metadata'],
    [`*/*;${table}`, 'json table'],
    ['application/json,,application/yaml', 'json object'],
    ['application', '406'],
  ];
  for (const [accept, expected] of cases)
    test(`${accept || 'nothing'} is ${expected}`, () => assert.equal(told(accept), expected));

  test('custom resources have no protobuf but for their metadata', () => {
    const custom = { protobuf: false };
    assert.equal(told('application/vnd.kubernetes.protobuf', custom), '406');
    assert.equal(told('application/vnd.kubernetes.protobuf,application/json', custom), 'json object');
    assert.equal(
      told(`application/vnd.kubernetes.protobuf;${metadata},application/json`, custom),
      'protobuf metadata',
    );
  });

  test('a watch that would rather have YAML is refused, whatever else it takes', () => {
    assert.equal(told('application/yaml, application/json', { isWatch: true }), '406');
    assert.equal(told('application/json, application/yaml', { isWatch: true }), 'json object');
  });
});

test('types with wildcards come behind those without, whatever their weights', () => {
  const order = (accept: string): readonly string[] =>
    parseAccept(accept).map(({ type, subtype }) => `${type}/${subtype}`);
  assert.deepEqual(order('*/*, text/html;q=0.1'), ['text/html', '*/*']);
  assert.deepEqual(order('a/x;q=0.2, a/y;q=0.7'), ['a/y', 'a/x']);
  const many = Array.from({ length: 20 }, (_, i) => `a/t${i};q=0.${i + 10}`);
  assert.equal(order(many.join())[0], 'a/t19');
});
