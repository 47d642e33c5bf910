import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { textOf } from './runtime.ts';

test('people are told what the runtime says, not the number of its code', () => {
  assert.equal(textOf(new CriError(criStatus.NOT_FOUND, 'no such image')), 'no such image');
  assert.equal(textOf(new Error('other')), 'other');
});
