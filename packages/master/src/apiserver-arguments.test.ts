import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverArguments } from './apiserver-arguments.ts';

test('flags of the API server are passed on, commas and all', () => {
  assert.deepEqual(
    apiserverArguments(['authorization-mode=Node,RBAC,Webhook', '--audit-log-path=-', 'log-level=debug']),
    ['--authorization-mode=Node,RBAC,Webhook', '--audit-log-path=-', '--log-level=debug'],
  );
});

test('what cannot be passed on is refused with what to do', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    [
      'audit-polcy-file=x',
      /--apiserver-arg audit-polcy-file=x: unknown flag .*did you mean --audit-policy-file\?/,
    ],
    ['max-requests-inflight=many', /"many" is not a number/],
    ['anonymous-auth', /it must be NAME=VALUE/],
    ['office-socket=/x', /the master says this itself/],
    ['=x', /unknown flag/],
  ];
  for (const [argument, message] of table) assert.throws(() => apiserverArguments([argument]), message);
});
