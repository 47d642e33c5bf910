import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goErrorText, goStatusName, GrpcError, Status } from './error.ts';

test('codes have the names that Go has for them', () => {
  const names = [Status.OK, Status.CANCELLED, Status.NOT_FOUND, Status.OUT_OF_RANGE].map(goStatusName);
  assert.deepEqual(names, ['OK', 'Canceled', 'NotFound', 'OutOfRange']);
  const error = new GrpcError(Status.CANCELLED, 'context canceled');
  assert.equal(goErrorText(error), 'rpc error: code = Canceled desc = context canceled');
});
