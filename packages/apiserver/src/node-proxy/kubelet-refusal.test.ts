import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kubeletRefusal } from './kubelet-refusal.ts';

test('what a kubelet refuses is told in upstream’s words', () => {
  const of = ' ( pods/log p)';
  for (const [code, reason, message] of [
    [400, 'BadRequest', 'it says'],
    [403, 'Forbidden', `it says${of}`],
    [404, 'NotFound', `the server could not find the requested resource${of}`],
    [500, 'InternalError', 'Internal error occurred: it says'],
    [
      501,
      'InternalError',
      `an error on the server ("it says") has prevented the request from succeeding${of}`,
    ],
    [503, 'ServiceUnavailable', `the server is currently unable to handle the request${of}`],
    [
      302,
      undefined,
      `the server responded with the status code 302 but did not return more information${of}`,
    ],
  ] as const) {
    const status = kubeletRefusal(code, 'it says', 'pods/log', 'p');
    assert.deepEqual([status.code, status.reason, status.message], [code, reason, message]);
  }
});
