import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import { decodeDeleteOptions } from './decode.ts';

test('options of a delete whose kind or version is no text are refused, whatever they hold', () => {
  for (const text of [
    '{"kind":[9007199254740993]}',
    '{"apiVersion":{"a":1}}',
    '{"kind":"Pod","apiVersion":[9007199254740993]}',
  ])
    assert.throws(
      () => decodeDeleteOptions(Buffer.from(text), 'json'),
      (error) => error instanceof StatusError && error.status.code === 400,
      text,
    );
});
