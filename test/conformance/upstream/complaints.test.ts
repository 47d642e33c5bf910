import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaintsIn } from './complaints.ts';
import { withoutExpected } from './expected-complaints.ts';

const log = [
  'I1129 01:02:03.000001       1 server.go:10] "Started" version="v1.36.3"',
  'E1129 01:02:03.000001       1 job_controller.go:7] "syncing job" err="pods \\"a-x7k2p\\" is forbidden"',
  'E1129 01:02:09.000001       1 job_controller.go:7] "syncing job" err="pods \\"a-bbbbb\\" is forbidden"',
  'W1129 01:02:09.000001       1 reflector.go:5] watch closed',
  'panic: runtime error: index out of range',
].join('\n');

test('the same complaint about things of other names is one, with how often it came', () => {
  assert.deepEqual(
    complaintsIn(log).map(({ level, count, text }) => [level, count, text]),
    [
      ['E', 2, 'job_controller.go:7 "syncing job" err="pods \\"a-<random>\\" is forbidden"'],
      ['P', 1, 'panic: runtime error: index out of range'],
    ],
  );
});

test('warnings are told when they are asked for', () => {
  assert.equal(complaintsIn(log, true).filter(({ level }) => level === 'W').length, 1);
});

test('an expected complaint is no complaint, and no other one is excused by it', () => {
  const [forbidden] = complaintsIn(log);
  const conflict = complaintsIn(
    'E1129 01:02:03.000001       1 garbagecollector.go:7] "x" err="Operation cannot be fulfilled on jobs \\"a\\": the object has been modified; please apply your changes to the latest version and try again"',
  );
  assert.deepEqual(withoutExpected([...conflict, ...(forbidden === undefined ? [] : [forbidden])]), [
    forbidden,
  ]);
});
