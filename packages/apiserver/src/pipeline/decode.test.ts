import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeProtobuf } from '@timonier/api/protobuf';
import { decodeDeleteOptions } from './decode.ts';

const bytes = (body: unknown): Buffer => Buffer.from(JSON.stringify(body));

test('the options of a delete are read in the name of whatever version', () => {
  for (const apiVersion of ['v1', 'meta.k8s.io/v1', 'batch/v1', 'example.com/v9', '', undefined]) {
    const body = { kind: 'DeleteOptions', apiVersion, propagationPolicy: 'Foreground' };
    assert.deepEqual(decodeDeleteOptions(bytes(body), 'json'), { ...body, apiVersion: 'v1' });
  }
});

test('they are read from protobuf, too, as upstream’s controllers send them', () => {
  const body = { apiVersion: 'batch/v1', kind: 'DeleteOptions', preconditions: { uid: 'u' } };
  assert.deepEqual(decodeDeleteOptions(Buffer.from(encodeProtobuf(body)), 'protobuf'), {
    ...body,
    apiVersion: 'v1',
  });
});

test('the options of a delete are no other kind, and an object', () => {
  assert.throws(() => decodeDeleteOptions(bytes({ apiVersion: 'v1', kind: 'Pod' }), 'json'), {
    message: 'no kind "Pod" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
  });
  for (const body of [[], 7, 'text']) assert.throws(() => decodeDeleteOptions(bytes(body), 'json'), /cannot/);
});

test('what is wrong with options is told without the name of their kind', () => {
  assert.throws(
    () => decodeDeleteOptions(bytes({ kind: 'DeleteOptions', gracePeriodSeconds: 'x' }), 'json'),
    {
      message:
        'json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
    },
  );
});
