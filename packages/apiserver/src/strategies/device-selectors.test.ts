/** What Kubernetes 1.36 was seen to say of selectors of devices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '@timonier/api/decode';
import {
  deviceClassStrategy,
  resourceClaimStrategy,
  resourceClaimTemplateStrategy,
} from './device-selectors.ts';

function deviceClass(...expressions: string[]): ApiObject {
  const selectors = expressions.map((expression) => ({ cel: { expression } }));
  return { apiVersion: 'resource.k8s.io/v1', kind: 'DeviceClass', spec: { selectors } };
}

function problems(...expressions: string[]): string[] {
  const errors = deviceClassStrategy.validate?.(deviceClass(...expressions), undefined) ?? [];
  return errors.map(({ type, field, detail }) => `${type} ${field}: ${detail.split('\n')[0]}`);
}

const at = 'spec.selectors[0].cel.expression';
const notBool = (type: string): string =>
  `Invalid ${at}: must evaluate to bool or the unknown type, not ${type}`;

test('a selector is a truth about one device, or something of which nobody knows yet', () => {
  const good = [
    'true',
    'device.driver == "gpu.example.com"',
    'device.attributes["gpu.example.com"].model == "a100"',
    'device.attributes["gpu.example.com"].shared',
    'device.attributes["a"].version.isGreaterThan(semver("1.0.0"))',
    'device.capacity["gpu.example.com"].memory.isGreaterThan(quantity("10Gi"))',
    'device.attributes["x"].all(k, device.attributes["y"].all(l, k != l))',
    'device.allowMultipleAllocations',
    '"gpu.example.com" in device.attributes && has(device.capacity)',
  ];
  for (const expression of good) assert.deepEqual(problems(expression), [], expression);
});

test('anything else is refused, with its type or its mistake', () => {
  const wrong = {
    '1': notBool('int'),
    'device.driver': notBool('string'),
    'device.capacity': notBool('map(string, map(string, kubernetes.Quantity))'),
    'device.attributes["a"]': notBool('map(string, google.protobuf.Any)'),
    'dyn(1)': notBool('dyn'),
    null: notBool('null_type'),
    'duration("1s")': notBool('google.protobuf.Duration'),
    'device.foo == 1': `Invalid ${at}: compilation failed: ERROR: <input>:1:7: undefined field 'foo'`,
    'device.capacity["a"].b == 1': `Invalid ${at}: compilation failed: ERROR: <input>:1:24: found no matching overload for '_==_' applied to '(kubernetes.Quantity, int)'`,
    'device.attributes["a"] + 1': `Invalid ${at}: compilation failed: ERROR: <input>:1:24: found no matching overload for '_+_' applied to '(map(string, any), int)'`,
  };
  for (const [expression, wanted] of Object.entries(wrong))
    assert.deepEqual(problems(expression), [wanted], expression);
});

test('what could cost too much is forbidden, by what a device may hold at most', () => {
  const nested =
    'device.attributes.all(x, device.attributes.all(y, device.attributes.all(z, device.attributes.all(k, ' +
    'device.attributes[x].size() > 0 && device.attributes[k].exists(a, device.attributes[k].exists(b, a == b))))))';
  assert.deepEqual(problems(nested), [`Forbidden ${at}: too complex, exceeds cost limit`]);
});

test('a selector that was stored is not judged again', () => {
  const stored = deviceClass('gone("with a newer server")');
  assert.deepEqual(deviceClassStrategy.validate?.(deviceClass('gone("with a newer server")'), stored), []);
  const errors = deviceClassStrategy.validate?.(deviceClass('true', 'foo'), deviceClass('true'));
  assert.deepEqual(
    errors?.map(({ field }) => field),
    ['spec.selectors[1].cel.expression'],
  );
});

test('claims and their templates have selectors in requests and in their alternatives', () => {
  const selectors = [{ cel: { expression: 'foo' } }];
  const devices = {
    requests: [
      { name: 'a', exactly: { deviceClassName: 'x', selectors } },
      { name: 'b', firstAvailable: [{ name: 'c', deviceClassName: 'x', selectors }] },
    ],
  };
  const claim = { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', spec: { devices } };
  const template = { ...claim, kind: 'ResourceClaimTemplate', spec: { spec: { devices } } };
  const fields = (path: string): string[] => [
    `${path}.devices.requests[0].exactly.selectors[0].cel.expression`,
    `${path}.devices.requests[1].firstAvailable[0].selectors[0].cel.expression`,
  ];
  const found = (errors: readonly { readonly field: string }[] = []): string[] =>
    errors.map(({ field }) => field);
  assert.deepEqual(found(resourceClaimStrategy.validate?.(claim, undefined)), fields('spec'));
  assert.deepEqual(found(resourceClaimTemplateStrategy.validate?.(template, undefined)), fields('spec.spec'));
});
